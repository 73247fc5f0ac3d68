"""What is searched: every value that can come is one that train takes."""

import optuna
import pytest
from pydantic import ValidationError

from components.train.parameters import TrainParameters
from components.tune.parameters import TuneParameters
from components.tune.search_space import DEFAULT_SEARCH, Choice, Interval, holds, suggest


def of(**values) -> TuneParameters:
    return TuneParameters.model_validate(values)


def draws(parameters, number=100):
    study = optuna.create_study(sampler=optuna.samplers.RandomSampler(seed=0))
    return [suggest(parameters.space(), study.ask()) for _ in range(number)]


@pytest.mark.parametrize(
    "given",
    [
        {},
        {"backbones": ["efficientnet_lite0", "mobilenet", "vgg19"]},
        {"search": ["dropout=0.1..0.9", "batch_size=16,32,64"]},
        {"search": ["pooling=avg,max", "head_views=1..4", "label_smoothing=0..0.2", "image_size_px=64,96"]},
        {"base": {"finetune_layers": -1, "imbalance": "none", "head_dense_units": 64}},
    ],
)
def test_every_value_is_one_that_train_takes(given):
    parameters = of(**given)
    for values in draws(parameters):
        trained = dict(parameters.of_trial(values))
        assert {name: trained[name] for name in values} == values


def test_the_defaults_span_what_they_name():
    values = draws(of(), 200)
    assert list(values[0]) == DEFAULT_SEARCH
    assert {drawn["imbalance"] for drawn in values} == {
        "logit_adjustment", "class_weight", "balanced_sampling", "focal", "crt",
    }  # fmt: skip
    assert {drawn["augmentation_magnitude"] for drawn in values} == {quarter / 4 for quarter in range(9)}
    rates = [drawn["head_learning_rate"] for drawn in values]
    assert min(rates) < 3e-4 < 3e-3 < max(rates)


def test_learning_rates_and_depths_are_drawn_on_a_logarithmic_scale():
    logs = {dimension.name for dimension in of().space() if isinstance(dimension, Interval) and dimension.log}
    assert logs == {"head_learning_rate", "finetune_learning_rate", "finetune_layers"}
    [given] = of(search=["head_learning_rate=1e-5..1e-1"]).space()
    assert given == Interval("head_learning_rate", 1e-5, 1e-1, log=True)


def test_phases_without_epochs_have_nothing_to_search():
    names = [dimension.name for dimension in of(trial_finetune_epochs=0).space()]
    assert names == [name for name in DEFAULT_SEARCH if not name.startswith("finetune")]


def test_without_augmentation_the_default_search_has_no_magnitude():
    parameters = of(base={"augmentation": "none"})
    assert [dimension.name for dimension in parameters.space()] == [
        name for name in DEFAULT_SEARCH if name != "augmentation_magnitude"
    ]
    assert parameters.left_out() == "augmentation_magnitude (augmentation is none)"


@pytest.mark.parametrize(
    ("search", "imbalance"),
    [(["imbalance_strength"], "focal"), (["imbalance=none,focal", "imbalance_strength"], "none"), ([], "none")],
)
def test_a_strength_is_searched_where_any_trial_heeds_it(search, imbalance):
    parameters = of(search=search or DEFAULT_SEARCH, base={"imbalance": imbalance})
    assert "imbalance_strength" in [dimension.name for dimension in parameters.space()]
    assert not parameters.left_out()


HEADS = ["head_learning_rate", "head_schedule=cosine,plateau", "head_views=1,2"]


@pytest.mark.parametrize(
    ("search", "base", "unheeded"),
    [
        ([*HEADS, "head_dense_units"], {}, []),
        ([*HEADS, "head_dense_units"], {"head_epochs": 0}, ["head_learning_rate", "head_schedule", "head_views"]),
        ([*HEADS, "head_dense_units"], {"head_epochs": 0, "imbalance": "crt"}, []),
        ([*HEADS, "imbalance"], {"head_epochs": 0}, []),
        (
            [*HEADS, "imbalance=focal,none"],
            {"head_epochs": 0, "imbalance": "crt"},
            ["head_learning_rate", "head_schedule", "head_views"],
        ),
        (["finetune_layers", "finetune_schedule=cosine,constant", "dropout"], {}, []),
        (
            ["finetune_layers", "finetune_schedule=cosine,constant", "dropout", "finetune_learning_rate"],
            {"finetune_epochs": 0},
            ["finetune_layers", "finetune_schedule", "finetune_learning_rate"],
        ),
    ],
)
def test_only_what_no_phase_of_a_trial_heeds_is_left_out(search, base, unheeded):
    parameters = of(search=search, base=base)
    assert list(parameters.unheeded()) == unheeded
    named = [text.partition("=")[0] for text in search]
    assert [dimension.name for dimension in parameters.space()] == [name for name in named if name not in unheeded]


def test_a_range_of_magnitudes_keeps_its_quarters():
    assert of(search=["augmentation_magnitude=0.5..1.4"]).space() == (
        Interval("augmentation_magnitude", 0.5, 1.25, step=0.25),
    )


def test_the_base_is_a_point_of_the_default_search_where_it_can_be():
    for base in ({}, {"imbalance": "none", "head_dense_units": 64}):
        parameters = of(base=base)
        assert holds(parameters.space(), parameters.of_trial({}).model_dump())
    outside = of(base={"finetune_layers": -1})
    assert not holds(outside.space(), outside.of_trial({}).model_dump())
    assert not holds((Choice("pooling", ("max",)),), TrainParameters().model_dump())


def test_the_best_is_for_whole_trainings_and_whole_numbers():
    parameters = of(base={"head_epochs": 30.0, "finetune_epochs": 4}, trial_head_epochs=2, trial_finetune_epochs=0)
    assert (parameters.of_trial({}).head_epochs, parameters.of_trial({}).finetune_epochs) == (2, 0)
    best = {"head_epochs": 30, "finetune_epochs": 4, "augmentation": "default"}
    drawn = {"augmentation_magnitude": 0.25, "dropout": 0.5}
    assert repr(parameters.best(drawn)) == repr(best | drawn)


def test_where_magnitudes_are_searched_the_augmentation_has_one():
    """`light` is what `default` comes to at magnitude 0."""
    searched = of(search=["augmentation_magnitude=0,1"])
    assert (searched.of_trial({}).augmentation, searched.of_trial({}).augmentation_magnitude) == ("default", 0.0)
    assert searched.of_trial({"augmentation_magnitude": 1.0}).augmentation_magnitude == 1.0
    assert of(search=["dropout"]).of_trial({}).augmentation == "light"
    assert of(base={"augmentation": "strong"}).of_trial({}).augmentation == "strong"


@pytest.mark.parametrize(
    ("given", "complaint"),
    [
        ({"search": ["drop_out"]}, "search: expected one of image_size_px, batch_size, augmentation_magnitude"),
        ({"search": ["seed=1..4"]}, "Received: 'seed'"),
        ({"search": ["backbone=a,b"]}, "Received: 'backbone'"),
        ({"search": ["monitor=macro_f1,accuracy"]}, "Received: 'monitor'"),
        ({"search": ["pooling"]}, "expected pooling=LOW..HIGH or pooling=A,B,C"),
        ({"search": ["pooling=avg..max"]}, "pooling: expected its values, pooling=A,B,C"),
        ({"search": ["pooling=avg,mean"]}, "pooling: expected any of avg, max. Received: 'mean'"),
        ({"search": ["image_size_px=64..128"]}, "image_size_px: expected its values"),
        ({"search": ["image_size_px=64,16"]}, "image_size_px"),
        ({"search": ["dropout=0.5..0.1"]}, "expected LOW..HIGH with LOW below HIGH"),
        ({"search": ["dropout=0..1"]}, "search: dropout: Input should be less than 1. Received: 1.0."),
        ({"search": ["dropout=some"]}, "dropout: expected values of type float. Received: 'some'"),
        ({"search": ["dropout", "dropout=0..0.5"]}, "expected each parameter once. Received: dropout 2 times"),
        ({"search": []}, "expected at least one parameter, or several backbones"),
        (
            {"search": ["finetune_layers"], "trial_finetune_epochs": 0},
            "or several backbones. Received: only finetune_layers (its phase has no epochs).",
        ),
        (
            {"search": ["dropout", "augmentation_magnitude"], "base": {"augmentation": "none"}},
            "search: expected parameters that trials heed. Received: augmentation_magnitude (augmentation is none). ",
        ),
        (
            {"search": ["augmentation_magnitude=0,1"], "base": {"augmentation": []}},
            "Received: augmentation_magnitude (augmentation is []). Leave out",
        ),
        (
            {"search": ["dropout", "imbalance_strength"], "base": {"imbalance": "none"}},
            "Received: imbalance_strength (imbalance is none). Leave out what is not heeded, or change base.",
        ),
        ({"backbones": ["resnet5"]}, "backbones: backbone: expected one of"),
        ({"base": {"dropot": 1}}, "base: dropot"),
        ({"base": {"dropout": 2}}, "base: dropout: Input should be less than 1. Received: 2."),
    ],
)
def test_a_wrong_search_is_explained(given, complaint):
    with pytest.raises(ValidationError) as error:
        of(**given)
    assert complaint in str(error.value)

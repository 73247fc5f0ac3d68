"""Manifests: what of .csv and .jsonl is understood, and what is said of the rest."""

import json

import pytest

from components._errors import InputError
from components.ingest.source.manifest import read_manifest


def read(text, name="/data/labels.csv"):
    return list(read_manifest(text.encode(), name, as_json=name.endswith(".jsonl")))


def rows(text, name="/data/labels.csv"):
    return [(row.uri, row.label, row.group) for row in read(text, name)]


def test_columns_come_in_any_order_with_others_between():
    assert rows("group,label,notes,uri\n7,kitchen,nice,1.jpg\n") == [("1.jpg", "kitchen", "7")]


def test_without_a_group_column_nothing_is_said_of_groups():
    assert rows("uri,label\n1.jpg,hall\n") == [("1.jpg", "hall", None)]
    assert rows("uri,label,group\n1.jpg,hall,\n") == [("1.jpg", "hall", "")]


def test_what_spreadsheets_write():
    text = '\ufeffuri, label\r\n"a, b ""c""\n.jpg", living room \r\n\r\nd.jpg,"hall"\r\n'
    assert rows(text) == [('a, b "c"\n.jpg', "living room", None), ("d.jpg", "hall", None)]


def test_lines_of_json():
    lines = [{"uri": "1.jpg", "label": "hall", "size": [1, 2]}, {"uri": "\u2028 2.jpg", "label": "客厅", "group": 7}]
    text = "\n\n".join(json.dumps(line, ensure_ascii=False) for line in lines) + "\r\n"
    assert rows(text, "labels.jsonl") == [("1.jpg", "hall", None), ("\u2028 2.jpg", "客厅", "7")]


@pytest.mark.parametrize(
    ("manifest", "uri", "location"),
    [
        ("/data/labels.csv", "a/1.jpg", "/data/a/1.jpg"),
        ("labels.csv", "../a/1.jpg", "../a/1.jpg"),
        ("/data/labels.csv", "/photos/1.jpg", "/photos/1.jpg"),
        ("/data/labels.csv", "gs://acme/1.jpg", "gs://acme/1.jpg"),
        ("gs://acme/2024/labels.csv", "a/1.jpg", "gs://acme/2024/a/1.jpg"),
        ("https://acme.example/2024/labels.csv?key=a/b", "a/1.jpg", "https://acme.example/2024/a/1.jpg"),
        ("https://acme.example/labels.csv", "s3://acme/1.jpg", "s3://acme/1.jpg"),
        ("https://acme.example/labels.csv", "a b/100%25 #1?.jpg", "https://acme.example/a%20b/100%2525%20%231%3F.jpg"),
        ("https://acme.example/labels.csv", "https://acme.example/a%20b.jpg?c", "https://acme.example/a%20b.jpg?c"),
        ("gs://acme/2024?/labels.csv", "100%25 #1?.jpg", "gs://acme/2024?/100%25 #1?.jpg"),
        ("s3://acme/2024?/labels.csv", "1.jpg", "s3://acme/2024?/1.jpg"),
    ],
)
def test_paths_count_from_where_the_manifest_lies(manifest, uri, location):
    (row,) = read_manifest(f"uri,label\n{uri},hall\n".encode(), manifest, as_json=False)
    assert (row.uri, row.location) == (uri, location)


def test_an_image_under_two_labels_is_left_for_later():
    assert rows("uri,label\n1.jpg,hall\n1.jpg,kitchen\n") == [("1.jpg", "hall", None), ("1.jpg", "kitchen", None)]


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("", "names the columns uri, label .* Received: nothing"),
        ("1.jpg,kitchen\n", "names the columns uri, label .* Received: 1.jpg, kitchen"),
        ("uri;label\n1.jpg;kitchen\n", "with commas between them. Received: uri;label"),
        ('uri,"la\nbel"\n1.jpg,hall\n', r"Received: uri, la\\nbel\."),
        ("uri,label,label\n1.jpg,hall,hall\n", "Received: uri, label, label"),
        ("uri,label\n1.jpg,hall\n2.jpg\n", "1 of 2 cannot be used.*\n  line 3, column label: empty"),
        ("uri,label\n1.jpg, \n", "line 2, column label: empty"),
        ("uri,label\n,hall\n", "line 2, column uri: empty"),
        ("uri,label\n1, 2.jpg,hall\n", "line 2: more values than columns; text with a comma belongs in quotes"),
        ("uri,label\nftp://a/1.jpg,hall\n", "line 2, column uri: expected gs://, s3://, https:// or a path. Received"),
        ('uri,label\n"1.jpg,hall\n', "line 2: unexpected end of data"),
    ],
)
def test_a_csv_that_cannot_be_used(text, complaint):
    with pytest.raises(InputError, match=rf"--source /data/labels.csv: expected (?s:.*){complaint}"):
        read(text)


@pytest.mark.parametrize(
    ("line", "complaint"),
    [
        ("{'uri': 1}", "line 1: not JSON: Expecting property name"),
        ('["1.jpg", "hall"]', "line 1: expected an object"),
        ('{"uri": "1.jpg"}', "line 1, column label: empty"),
        ('{"uri": "1.jpg", "label": ["hall"]}', r"line 1, column label: expected text. Received: \['hall'\]"),
        ('{"uri": "1.jpg", "label": true}', "line 1, column label: expected text. Received: True"),
        ('{"uri": "1.jpg", "label": "\\ud800"}', "line 1, column label: not Unicode"),
        ("[" * 100_000, "line 1: not JSON"),
    ],
)
def test_a_jsonl_that_cannot_be_used(line, complaint):
    with pytest.raises(InputError, match=f"--source labels.jsonl: expected (?s:.*){complaint}"):
        read(line, "labels.jsonl")


def test_only_the_first_problems_are_told():
    with pytest.raises(InputError) as error:
        read("uri,label\n" + "1.jpg,\n" * 20 + "1.jpg,hall\n")
    assert "20 of 21 cannot be used" in str(error.value)
    assert str(error.value).count("\n") == 6
    assert str(error.value).endswith("line 6, column label: empty\n  and 15 more")


def test_text_of_another_encoding_is_told_by_its_line():
    with pytest.raises(InputError, match="expected UTF-8, but line 3 is not"):
        list(read_manifest("uri,label\n1.jpg,hall\n2.jpg,küche\n".encode("latin-1"), "labels.csv", as_json=False))


def test_a_manifest_elsewhere_cannot_name_files_of_this_machine():
    with pytest.raises(InputError, match="line 2, column uri: a manifest elsewhere cannot name files of this machine"):
        read("uri,label\n/etc/passwd,hall\n", "gs://acme/labels.csv")

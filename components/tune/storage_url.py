"""The address of the study's database, which reports, parameters of a run and the list of processes show."""

import re

# In a query: password of libpq, passwd of MySQL's drivers, sslpassword, ssl_key_password, PWD inside ODBC's strings.
_SECRET = re.compile(r"passw|pwd", re.IGNORECASE)
_SECRET_IN_A_VALUE = re.compile(r"(passw\w*|pwd)\s*=", re.IGNORECASE)


def check_without_password(url: str) -> None:
    """Refuses an address that holds a secret.

    Args:
        url: SQLAlchemy's, or empty.

    Raises:
        ValueError: If there is a password in it, or it can't be read; the message does not repeat it.
    """
    if not url:
        return
    import sqlalchemy as sa  # noqa: PLC0415 - a fifth of a second, for who names a database

    try:
        parsed = sa.make_url(url)
    except (sa.exc.ArgumentError, ValueError) as error:  # ValueError: of a port that is no number
        raise ValueError(
            "storage: expected a URL such as sqlite:////FILE or postgresql+psycopg://USER@HOST/DATABASE."
        ) from error
    if parsed.password is not None or any(_is_secret(name, value) for name, value in parsed.query.items()):
        raise ValueError(
            "storage: expected a URL without a password, for reports, parameters and process lists show it. Give the "
            "password where tuning runs: PostgreSQL's drivers read the variable PGPASSWORD or the file ~/.pgpass, "
            "PyMySQL an option file that the URL names: ?read_default_file=/PATH/my.cnf."
        )


def shown(url: str) -> str:
    """Returns driver, host and database, and no more."""
    import sqlalchemy as sa  # noqa: PLC0415 - as above

    parsed = sa.make_url(url)
    named = sa.URL.create(parsed.drivername, host=parsed.host, port=parsed.port, database=parsed.database)
    return named.render_as_string()


def _is_secret(name: str, value: str | tuple[str, ...]) -> bool:
    values = (value,) if isinstance(value, str) else value
    return bool(_SECRET.search(name)) or any(_SECRET_IN_A_VALUE.search(each) for each in values)

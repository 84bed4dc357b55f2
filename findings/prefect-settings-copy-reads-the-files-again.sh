#!/usr/bin/env bash
# A changed copy of Prefect's settings is not a copy: it reads the files of the working directory again.
#
# `get_current_settings().copy_with_update(updates={...})` (what `temporary_settings` uses) looks like a copy of the
# settings in force with some values changed. It builds a new Settings object, so .env, prefect.toml and pyproject.toml of
# the *current* directory are read at that moment: a program that changed its directory since it imported Prefect, or whose
# directory got such a file, has other values afterwards that nobody set.
#
# Seen with Prefect 3.9.1 on Python 3.11.   Needs: python3 >= 3.11.
set -euo pipefail
t=$(mktemp -d)
trap 'rm -rf "$t"' EXIT
python3 -m venv "$t/venv"
"$t/venv/bin/pip" -q --disable-pip-version-check install prefect==3.9.1 'sqlalchemy<2.1' 2>/dev/null
mkdir "$t/home" "$t/one" "$t/two"
printf '[tasks]\ndefault_retries = 7\n' >"$t/two/prefect.toml"
cd "$t/one"
env -i PATH=/usr/bin:/bin HOME="$t/home" DO_NOT_TRACK=1 "$t/venv/bin/python" - "$t/two" <<'PY'
import os, sys
import prefect
from prefect.settings import PREFECT_API_URL, temporary_settings
from prefect.settings.context import get_current_settings
before = get_current_settings().tasks.default_retries
os.chdir(sys.argv[1])
unchanged = get_current_settings().tasks.default_retries
with temporary_settings({PREFECT_API_URL: "http://127.0.0.1:1/api"}):
    inside = get_current_settings().tasks.default_retries
print(f"Prefect {prefect.__version__}: default_retries {before}, after chdir {unchanged}, in temporary_settings of another value {inside}")
assert (before, unchanged, inside) == (0, 0, 7)
PY
# Output seen:
#   Prefect 3.9.1: default_retries 0, after chdir 0, in temporary_settings of another value 7

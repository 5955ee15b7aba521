"""What answers import, imported once before the fork, because nothing can be opened afterwards.

Modules that need a network, a display or a compiler are left out. A module that is not here raises
``ModuleNotFoundError`` in a candidate, as any package that is not installed does.
"""

from __future__ import annotations

import importlib

MODULES = """
    __future__ abc argparse array ast asyncio base64 binascii bisect builtins bz2 calendar cmath
    codecs collections collections.abc colorsys contextlib contextvars copy copyreg csv ctypes
    dataclasses datetime decimal difflib dis enum errno fnmatch fractions functools gc
    genericpath getopt glob graphlib gzip hashlib heapq hmac html html.entities html.parser
    inspect io ipaddress itertools json json.decoder json.encoder keyword linecache locale
    logging lzma marshal math mmap multiprocessing numbers operator os os.path pathlib pickle
    platform posixpath pprint queue quopri random re reprlib resource secrets select selectors
    shlex shutil signal socket stat statistics string stringprep struct subprocess sys sysconfig
    tempfile textwrap threading time timeit token tokenize traceback types typing unicodedata
    unittest unittest.mock urllib.parse uuid warnings weakref xml.etree.ElementTree zipfile zlib
    zoneinfo _strptime doctest concurrent.futures concurrent.futures.thread encodings.ascii
    encodings.latin_1 encodings.utf_8 encodings.utf_16 encodings.utf_16_le encodings.utf_16_be
    encodings.utf_32 encodings.cp1252 encodings.idna encodings.punycode encodings.unicode_escape
    encodings.raw_unicode_escape encodings.hex_codec encodings.base64_codec encodings.rot_13
    encodings.utf_8_sig encodings.charmap
""".split()  # noqa: SIM905 a page of commas would say no more


def preload() -> tuple[str, ...]:
    """Import the modules that exist here; returns the names of those that do not."""
    missing = []
    for name in MODULES:
        try:
            importlib.import_module(name)
        except ImportError:
            missing.append(name)
    return tuple(missing)


def warm() -> None:
    """Touch what the standard library reads late: time zone, codecs, collation tables."""
    import decimal
    import re
    import time

    time.tzset()
    time.strptime("2000-01-01", "%Y-%m-%d")
    re.compile(r"\w+").match("a")
    decimal.Decimal("1.5") + 1
    "a.example".encode("idna").decode("idna")

"""`triage demo` with the stand-in product in place of the real one; takes the same arguments."""

import sys
from pathlib import Path

from triage.demo.command import demo
from triage.demo.launch import Product

STAND_IN = [sys.executable, str(Path(__file__).with_name("stand_in.py"))]

if __name__ == "__main__":
    demo(obj=Product(triage=STAND_IN, seed=[*STAND_IN, "seed"]))

"""Work for tests of executors. Workers import it by name; it imports nothing heavy."""

import json
import os
import signal
import subprocess
import sys
import time
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path


def note(spec: str) -> str:
    """Notes that it was begun, and kills its process the first times: as often as ``dies`` says."""
    order = json.loads(spec)
    begun = Path(order["folder"], order["key"])
    with begun.open("a") as file:
        file.write("begun\n")
    times = len(begun.read_text().splitlines())
    if times <= order.get("dies", 0):
        os.kill(os.getpid(), signal.SIGKILL)
    while not Path(order["folder"], order.get("after", "")).exists():
        time.sleep(0.01)
    time.sleep(order.get("seconds", 0))
    return json.dumps([order["key"], times])


def bear_and_die(spec: str) -> str:
    """Leaves a child by fork, which holds all pipes open, and dies."""
    folder = Path(json.loads(spec))
    child = os.fork()
    if not child:
        time.sleep(300)
    (folder / f"child-{child}").touch()
    os.kill(os.getpid(), signal.SIGKILL)
    return ""


def sleep_with_child(spec: str) -> str:
    """Starts a process of its own and sleeps; its note says which two processes to look for."""
    child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(3600)"])
    note = Path(json.loads(spec), f"{os.getpid()}-{child.pid}")
    note.touch()
    time.sleep(3600)
    return ""


def hear_ctrl_c(spec: str) -> str:
    """Gets the signal that a terminal sends to whatever runs in it."""
    os.kill(os.getpid(), signal.SIGINT)
    time.sleep(0.1)
    return spec


def share_out(spec: str) -> str:
    """Computes in a process of its own, as feature extraction and training on several devices do."""
    with ProcessPoolExecutor(1, get_context("spawn")) as pool:
        return json.dumps(list(pool.map(len, [spec, spec])))


def talk(spec: str) -> str:
    """Prints, and reads what there is not."""
    print("said aloud", flush=True)
    os.write(1, b"said below\n")
    return json.dumps(sys.stdin.read() + input_or_nothing())


def input_or_nothing() -> str:
    try:
        return input()
    except EOFError:
        return "nothing to read"


def surroundings(spec: str) -> str:
    """What a cell sees of the machine."""
    names = ["OMP_NUM_THREADS", "MKL_NUM_THREADS", "QPLUG_WORKERS", "CUDA_VISIBLE_DEVICES", "SLURM_PROCID"]
    order = json.loads(spec)
    begun = time.monotonic()
    time.sleep(order.get("seconds", 0))
    if "folder" in order:
        meet(Path(order["folder"]), order["all"])
    told = {name: os.environ.get(name) for name in names}
    return json.dumps({**told, "pid": os.getpid(), "main": main_file(), "span": [begun, time.monotonic()]})


def meet(folder: Path, n: int) -> None:
    """Waits until ``n`` cells are here at once."""
    (folder / str(os.getpid())).touch()
    while len(list(folder.iterdir())) < n:
        time.sleep(0.01)


def main_file() -> str | None:
    return getattr(sys.modules["__main__"], "__file__", None)

"""What the benchmarks beside peers share: a node of their own, prepared bodies sent to it, processes measured, the page written.

Bodies lie one after another in NAME.bin; each line of NAME.idx has offset, length and number of records of one.
"""
import http.client, mmap, os, pathlib, shutil, signal, statistics, subprocess, sys, threading, time

ROOT = pathlib.Path(__file__).resolve().parent.parent
SHARED = pathlib.Path(os.environ.get("NINES_SHARED", ROOT.parent / "shared"))
HZ = os.sysconf("SC_CLK_TCK")
CONNECTIONS = 4
# A node is quiet when it has used less than this share of a core for QUIET_SECS.
QUIET_SHARE, QUIET_SECS, QUIET_MAX_SECS = 0.05, 3.0, 120.0


def cpu_seconds(pid):
    fields = pathlib.Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / HZ


def peak_rss_mb(pid):
    for line in pathlib.Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("VmHWM:"):
            return int(line.split()[1]) // 1024


def folder_bytes(folder, ending=""):
    found = (os.path.join(root, name) for root, _, names in os.walk(folder) for name in names if name.endswith(ending))
    return sum(os.lstat(path).st_size for path in found)


class Node:
    """A node on free ports in a folder of its own."""

    def __init__(self, binary, folder):
        shutil.rmtree(folder, ignore_errors=True)
        self.folder = folder
        self.log = open(str(folder) + ".log", "wb")
        ports = ["--listen", "127.0.0.1:0", "--otlp-grpc", "127.0.0.1:0", "--otlp-http", "127.0.0.1:0"]
        command = [binary, "serve", "--data", folder, *ports]
        self.process = subprocess.Popen(command, stdout=self.log, stderr=subprocess.STDOUT)
        self.pid = self.process.pid
        self.ports = self.wait_for_ports()

    def wait_for_ports(self):
        """The ports that the node listens on, from the kernel, asked for what they are by their own paths."""
        deadline = time.time() + 60
        while time.time() < deadline:
            found = {}
            for port in listening(self.pid):
                try:
                    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=2)
                    connection.request("GET", "/-/ready")
                    if connection.getresponse().status == 200:
                        found["web"] = port
                        continue
                except (OSError, http.client.HTTPException):
                    continue
                try:
                    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=2)
                    connection.request("POST", "/v1/logs", b"{}", {"Content-Type": "application/json"})
                    if connection.getresponse().status == 200:
                        found["otlp"] = port
                except (OSError, http.client.HTTPException):
                    continue
            if {"web", "otlp"} <= found.keys():
                return found
            time.sleep(0.2)
        sys.exit(f"the node did not become ready, see {self.log.name}")

    def stop(self):
        """Stops in the ordinary way; returns the CPU seconds of its whole life."""
        self.process.send_signal(signal.SIGTERM)
        _, _, usage = os.wait4(self.pid, 0)
        self.process.returncode = 0
        return usage.ru_utime + usage.ru_stime


def listening(pid):
    inodes = set()
    for name in os.listdir(f"/proc/{pid}/fd"):
        try:
            target = os.readlink(f"/proc/{pid}/fd/{name}")
        except OSError:
            continue
        if target.startswith("socket:["):
            inodes.add(target[8:-1])
    ports = []
    for line in pathlib.Path(f"/proc/{pid}/net/tcp").read_text().splitlines()[1:]:
        fields = line.split()
        if fields[3] == "0A" and fields[9] in inodes:
            ports.append(int(fields[1].split(":")[1], 16))
    return ports


def send(port, path, content_type, bodies):
    index = [tuple(map(int, line.split())) for line in open(bodies.with_suffix(".idx"))]
    data = mmap.mmap(os.open(bodies.with_suffix(".bin"), os.O_RDONLY), 0, prot=mmap.PROT_READ)
    for offset in range(0, len(data), 4096):
        data[offset]  # so that the disk is not what is measured
    turn, lock, refused, failed = [0], threading.Lock(), [0], []

    def work():
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=120)
        while not failed:
            with lock:
                if turn[0] == len(index):
                    return
                offset, length, _ = index[turn[0]]
                turn[0] += 1
            while True:
                body = memoryview(data)[offset : offset + length]
                connection.request("POST", path, body, {"Content-Type": content_type})
                answer = connection.getresponse()
                text = answer.read()
                if answer.status in (429, 503):
                    refused[0] += 1
                    time.sleep(0.1)
                    continue
                if answer.status >= 300 or b'"errors":true' in text[:200]:
                    failed.append((answer.status, text[:300]))
                break

    threads = [threading.Thread(target=work) for _ in range(CONNECTIONS)]
    [thread.start() for thread in threads]
    [thread.join() for thread in threads]
    if failed:
        sys.exit(f"the node refused a body: {failed[0]}")
    return sum(lines for _, _, lines in index), refused[0]


def wait_until_quiet(pid):
    quiet, deadline = 0.0, time.time() + QUIET_MAX_SECS
    while quiet < QUIET_SECS and time.time() < deadline:
        before = cpu_seconds(pid)
        time.sleep(1.0)
        quiet = quiet + 1.0 if cpu_seconds(pid) - before < QUIET_SHARE else 0.0


def venv(module, package=None):
    """A Python that has the module."""
    python = ROOT / "target/bench-venv/bin/python"
    if not python.exists():
        subprocess.run([sys.executable, "-m", "venv", python.parent.parent], check=True)
    if subprocess.run([python, "-c", f"import {module}"], capture_output=True).returncode:
        subprocess.run([python, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", package or module], check=True)
    return python


def medians(rounds):
    """By server and row, of those that have figures."""
    return {
        who: {row: statistics.median(figures[row] for figures in all_of) for row in all_of[0]}
        for who, all_of in rounds.items()
        if all_of
    }


def write(section, text):
    """Puts a table into docs/benchmarks.md, between the markers of its section."""
    page = ROOT / "docs/benchmarks.md"
    begin, end = f"<!-- {section} begins -->", f"<!-- {section} ends -->"
    before, rest = page.read_text().split(begin)
    page.write_text(before + begin + "\n" + text + "\n" + end + rest.split(end)[1])

"""What bench/main.ts and a peer say: one line of JSON when compiled, then for each line with a number that many steps."""
import json
import resource
import sys
import time


def say(**message):
    print(json.dumps(message), flush=True)


def serve(version, device, step):
    """`step()` does one training step and returns when its results are computed."""
    begin = time.perf_counter()
    step()
    say(version=version, device=device, compileSeconds=time.perf_counter() - begin)
    for line in sys.stdin:
        times = []
        used = time.process_time()
        for _ in range(int(line)):
            begin = time.perf_counter()
            step()
            times.append(1000 * (time.perf_counter() - begin))
        cpu = 1000 * (time.process_time() - used) / max(1, len(times))
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
        say(ms=times, cpuMs=cpu, peakMB=peak)

"""How long MPI_Allreduce takes for a buffer of floats that every process adds to: what an exchange of gradients costs at least, beside ours.
usage: mpirun -np N [--mca btl self,tcp] python3 allreduce.py BYTES [ROUNDS]
Prints the median of the rounds in milliseconds."""
import statistics, sys, time
import numpy as np
from mpi4py import MPI

world = MPI.COMM_WORLD
buffer = np.zeros(int(sys.argv[1]) // 4, np.float32)
rounds = int(sys.argv[2]) if len(sys.argv) > 2 else max(100, min(3000, 1_000_000_000 // buffer.nbytes))
times = []
for _ in range(rounds + rounds // 10):
    start = time.perf_counter()
    world.Allreduce(MPI.IN_PLACE, buffer)
    times.append(time.perf_counter() - start)
if world.Get_rank() == 0:
    print(f"{1000 * statistics.median(times[rounds // 10:]):.4f}")

"""PyTorch on MNIST in several processes of one thread: the peers to measure our workers beside. The networks of pytorch.py, sgd at 0.1; each process
takes BATCH / N randomly chosen images a step.
usage: mpirun -np N python3 pytorch_processes.py mpi MNIST_DIRECTORY MODEL BATCH STEPS [--best-of N]
           one flat gradient buffer, summed by MPI_Allreduce: the strongest simple peer on one host
       python3 pytorch_processes.py ddp MNIST_DIRECTORY MODEL BATCH STEPS [--best-of N] [--processes N]
           DistributedDataParallel over gloo
Prints steps per second, start-up and loading excluded; of N times so many steps the fastest."""
import argparse, os, sys, time
import torch, torch.nn as nn, torch.nn.functional as F
sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from pytorch import networks, training_set


def flat_buffers(net):
    """Parameters and gradients of the network as one buffer each, which its tensors look into."""
    tensors = list(net.parameters())
    parameters = torch.cat([tensor.detach().flatten() for tensor in tensors])
    gradients = torch.zeros_like(parameters)
    start = 0
    for tensor in tensors:
        end = start + tensor.numel()
        tensor.data = parameters[start:end].view_as(tensor)
        tensor.grad = gradients[start:end].view_as(tensor)
        start = end
    return parameters, gradients


def loss_of_a_batch(net, options, rank, processes):
    """A function that computes the loss of this process's share of a batch."""
    images, labels = training_set(options.directory)
    generator = torch.Generator().manual_seed(rank)

    def loss():
        chosen = torch.randint(0, len(images), (options.batch // processes,), generator=generator)
        return F.cross_entropy(net(images[chosen]), labels[chosen])
    return loss


def fastest(step, barrier, options):
    """Steps a second. Every process does as many."""
    for _ in range(min(50, max(5, options.steps // 4))):
        step()
    rates = []
    for _ in range(options.best_of):
        barrier()
        start = time.perf_counter()
        for _ in range(options.steps):
            step()
        barrier()
        rates.append(options.steps / (time.perf_counter() - start))
    return max(rates)


def begin(options):
    torch.set_num_threads(1)
    torch.manual_seed(0)  # every process begins with the same parameters
    return nn.Sequential(*networks(nn)[options.model]())


def with_mpi(options):
    from mpi4py import MPI
    world = MPI.COMM_WORLD
    net, processes = begin(options), world.Get_size()
    parameters, gradients = flat_buffers(net)
    buffer, loss = gradients.numpy(), loss_of_a_batch(net, options, world.Get_rank(), processes)

    def step():
        gradients.zero_()
        loss().backward()
        world.Allreduce(MPI.IN_PLACE, buffer)
        parameters.sub_(gradients, alpha=0.1 / processes)

    measured = fastest(step, world.Barrier, options)
    if world.Get_rank() == 0:
        print(measured)


def with_ddp(rank, options):
    import torch.distributed as distributed
    distributed.init_process_group("gloo", init_method=f"file://{options.meeting}", rank=rank, world_size=options.processes)
    net = nn.parallel.DistributedDataParallel(begin(options))
    optimizer = torch.optim.SGD(net.parameters(), lr=0.1)
    loss = loss_of_a_batch(net, options, rank, options.processes)

    def step():
        optimizer.zero_grad()
        loss().backward()
        optimizer.step()

    measured = fastest(step, distributed.barrier, options)
    if rank == 0:
        print(measured, flush=True)
    distributed.barrier()


def main():
    parser = argparse.ArgumentParser(usage=__doc__)
    parser.add_argument("how", choices=["mpi", "ddp"])
    parser.add_argument("directory")
    parser.add_argument("model")
    parser.add_argument("batch", type=int)
    parser.add_argument("steps", type=int)
    parser.add_argument("--best-of", type=int, default=1)
    parser.add_argument("--processes", type=int, default=2)
    options = parser.parse_args()
    if options.how == "mpi":
        with_mpi(options)
    else:
        import tempfile, torch.multiprocessing
        with tempfile.TemporaryDirectory() as directory:
            options.meeting = os.path.join(directory, "meeting")
            torch.multiprocessing.spawn(with_ddp, (options,), nprocs=options.processes)


if __name__ == "__main__":
    main()

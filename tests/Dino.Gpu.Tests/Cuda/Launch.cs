namespace Dino.Gpu.Tests.Cuda;

/// <summary>What the emulated device looks for, and how unkind it is.</summary>
internal sealed record EmulatorOptions
{
    /// <summary>Order of groups, warps and turns.</summary>
    public int Seed { get; init; } = 1;

    /// <summary>Whether lanes that disagree at a branch marked <c>.uni</c> are a fault.</summary>
    public bool FaultsOnDivergentUniform { get; init; } = true;

    /// <summary>Most groups along y, and along z.</summary>
    public int MostGroups { get; init; } = 65535;
}

/// <summary>A grid of thread groups with its arguments, run on the host's cores.</summary>
/// <param name="kernel">The code.</param>
/// <param name="memory">Of the device.</param>
/// <param name="arguments">As the ABI lays them out.</param>
/// <param name="options">How unkind the device is.</param>
/// <param name="dynamicShared">Bytes of shared memory beside those that the kernel declares.</param>
internal sealed class Launch(
    PtxKernel kernel, DeviceMemory memory, byte[] arguments, EmulatorOptions options, int dynamicShared = 0)
{
    /// <summary>Shared memory of a group unless the host asks for more; and the most that it may ask for (9.0).</summary>
    public const int UsualShared = 48 << 10, MostShared = 227 << 10;

    public PtxKernel Kernel => kernel;

    public DeviceMemory Memory => memory;

    public byte[] Arguments => arguments;

    public int GridX { get; private set; }

    public int GridY { get; private set; }

    public int GridZ { get; private set; }

    public int GroupX { get; private set; }

    public int GroupY { get; private set; }

    public int GroupZ { get; private set; }

    /// <summary>Bytes of a group.</summary>
    public int SharedSize => kernel.Program.DynamicShared >= 0 ? kernel.Program.DynamicShared + dynamicShared : kernel.Program.SharedSize;

    public int ThreadsOfGroup => GroupX * GroupY * GroupZ;

    public int Number { get; private set; }

    public int Seed { get; private set; }

    public EmulatorOptions Options => options;

    /// <summary>Runs all groups of a grid.</summary>
    public void Run((int X, int Y, int Z) grid, (int X, int Y, int Z) group)
    {
        long groups = Prepare(grid, group);
        int[] order = new int[groups];
        for (int i = 0; i < order.Length; i++)
            order[i] = i;
        new Random(Seed).Shuffle(order);
        int next = -1;
        CudaFault? fault = null;
        void Work()
        {
            using var own = new ThreadGroup(this);
            while (Volatile.Read(ref fault) is null && Interlocked.Increment(ref next) is int i && i < order.Length)
            {
                try
                {
                    own.Run(order[i] % grid.X, order[i] / grid.X % grid.Y, order[i] / grid.X / grid.Y);
                }
                catch (CudaFault found)
                {
                    Interlocked.CompareExchange(ref fault, found, null);
                }
            }
        }

        if (groups == 1)
            Work();
        else
            Parallel.Invoke([.. Enumerable.Repeat((Action)Work, (int)Math.Min(groups, Environment.ProcessorCount))]);
        if (fault is not null)
            throw fault;
    }

    private long Prepare((int X, int Y, int Z) grid, (int X, int Y, int Z) group)
    {
        (GridX, GridY, GridZ) = grid;
        (GroupX, GroupY, GroupZ) = group;
        Number = memory.NextLaunch();
        Seed = options.Seed * 1_000_003 + Number;
        if (arguments.Length != kernel.Program.ParameterSize)
            throw new CudaFault(FaultKind.Host,
                $"{kernel.Program.Name} takes {kernel.Program.ParameterSize} bytes of arguments and gets {arguments.Length}");
        if (Math.Min(Math.Min(grid.X, grid.Y), grid.Z) < 1 || grid.Y > options.MostGroups || grid.Z > options.MostGroups)
            throw new CudaFault(FaultKind.Host, $"a grid of {grid}");
        if (ThreadsOfGroup < 1 || ThreadsOfGroup > kernel.Program.MostThreads || group.Z > 64)
            throw new CudaFault(FaultKind.Host,
                $"a group of {group} for {kernel.Program.Name}, which takes {kernel.Program.MostThreads} threads");
        if (kernel.Program.SharedSize > UsualShared || kernel.Program.SharedSize + dynamicShared > kernel.MostShared)
            throw new CudaFault(FaultKind.Host,
                $"{kernel.Program.Name} needs {kernel.Program.SharedSize} and {dynamicShared} bytes of shared memory");
        long groups = (long)grid.X * grid.Y * grid.Z;
        return groups < AccessRecord.MostGroups ? groups : throw new NotSupportedException($"{groups} groups");
    }
}

namespace Dino.Gpu.Tests.Cuda;

/// <summary>The driver of the emulated CUDA devices, and the devices.</summary>
internal sealed record EmulatedMachine
{
    public IReadOnlyList<EmulatedCard> Cards { get; init; } = [];

    /// <summary>As the driver counts: 12040 is CUDA 12.4.</summary>
    public int DriverVersion { get; init; } = 12040;

    /// <summary>What cuInit returns.</summary>
    public int InitError { get; init; }

    /// <summary>A device by its number; a sound one where the machine has none, for contexts that outlive it.</summary>
    public EmulatedCard Card(int device) => device < Cards.Count ? Cards[device] : new EmulatedCard();
}

/// <summary>An emulated CUDA device, and what is wrong with it.</summary>
internal sealed record EmulatedCard
{
    /// <summary>Null for a name with its number.</summary>
    public string? Name { get; init; }

    /// <summary>Compute capability.</summary>
    public (int Major, int Minor) Capability { get; init; } = (9, 0);

    public int Multiprocessors { get; init; } = 132;

    /// <summary>Most groups of a launch along y, and along z.</summary>
    public int MostGroups { get; init; } = 65535;

    /// <summary>What the driver returns when it is asked for the memory's size.</summary>
    public int QueryError { get; init; }

    /// <summary>What the driver returns when a context is to be made.</summary>
    public int ContextError { get; init; }

    /// <summary>What the driver returns when a kernel is to be loaded.</summary>
    public int ModuleError { get; init; }

    /// <summary>What the driver's assembler says then.</summary>
    public string ModuleLog { get; init; } = "";

    /// <summary>How many kernels are loaded before one is refused.</summary>
    public int ModulesBefore { get; init; }

    /// <summary>Whether every launch changes a bit of each allocation.</summary>
    public bool ComputesWrongly { get; init; }

    /// <summary>An architecture whose kernels the driver refuses, such as <c>sm_90a</c>.</summary>
    public string? RefusedTarget { get; init; }

    /// <summary>An architecture whose kernels change a bit of each allocation.</summary>
    public string? WrongTarget { get; init; }

    /// <summary>An architecture whose kernels fail, and the device with them.</summary>
    public string? FaultyTarget { get; init; }

    /// <summary>What the driver's assembler says of kernels for an architecture; null where it takes them.</summary>
    public string? ComplaintAbout(string target)
    {
        int own = 10 * Capability.Major + Capability.Minor;
        if (target == RefusedTarget)
            return $"ptxas application ptx input, line 2; fatal   : Value '{target}' is not defined for .target";
        bool fits = target.Length == 0 || target == $"sm_{own}a"
            || (int.TryParse(target.AsSpan("sm_".Length), out int wanted) && wanted <= own);
        return fits ? null : $"ptxas fatal   : Program with .target '{target}' cannot be compiled for architecture 'sm_{own}'";
    }
}

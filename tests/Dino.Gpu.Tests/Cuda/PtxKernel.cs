using System.Globalization;
using System.Numerics;

namespace Dino.Gpu.Tests.Cuda;

/// <summary>
/// A kernel decoded once, for any number of launches: instructions as objects, and where registers and constants lie.
/// </summary>
internal sealed unsafe class PtxKernel
{
    private readonly List<(Reg Register, bool Wide, long Bits)> _constants = [];
    private readonly Dictionary<(bool Wide, long Bits), Reg> _constantOf = [];
    private readonly List<int> _offsets = [];
    private readonly (string Name, Reg Register)[] _specials;

    public PtxKernel(PtxProgram program)
    {
        Program = program;
        for (int i = 0; i < program.RegisterCount; i++)
            AddRegister(i < program.RegisterWidths.Count ? program.RegisterWidths[i] : 1);
        _specials = [.. program.Specials.Select(special => (special.Name, Register(special.Register)))];
        Shared = new Granules(Granule("shared", isWrite: false), Granule("shared", isWrite: true));
        Global = new Granules(Granule("global", isWrite: false), Granule("global", isWrite: true));
        var decoder = new PtxDecoder(this);
        Code = [.. program.Instructions.Select(decoder.Decode)];
        FindSums();
    }

    public PtxProgram Program { get; }

    public PtxOp[] Code { get; }

    /// <summary>Whether warpgroups multiply.</summary>
    public bool HasProducts { get; private set; }

    /// <summary>The shared memory that a group may take; the host raises it by an attribute of the function.</summary>
    public int MostShared { get; set; } = Launch.UsualShared;

    /// <summary>Registers, those of constants included.</summary>
    public int RegisterCount => _offsets.Count;

    /// <summary>Bytes of a warp's registers.</summary>
    public int FrameSize { get; private set; }

    /// <summary>Of accesses to shared memory.</summary>
    public Granules Shared { get; }

    /// <summary>Of accesses to global memory.</summary>
    public Granules Global { get; }

    public Reg Register(int index) => new(index, _offsets[index]);

    public bool IsWide(int index) => index < Program.RegisterWidths.Count && Program.RegisterWidths[index] == 2;

    public bool IsPredicate(int index) => index < Program.RegisterWidths.Count && Program.RegisterWidths[index] == 0;

    /// <summary>A register that always holds a number.</summary>
    public Reg Constant(bool wide, long bits)
    {
        if (!_constantOf.TryGetValue((wide, bits), out Reg register))
        {
            register = Register(AddRegister(wide ? 2 : 1));
            _constants.Add((register, wide, bits));
            _constantOf.Add((wide, bits), register);
        }

        return register;
    }

    /// <summary>Sets constants and special registers of a warp at its start.</summary>
    public void SetConstants(Warp warp)
    {
        foreach ((Reg register, bool wide, long bits) in _constants)
        {
            for (int lane = 0; lane < Warp.Size && wide; lane++)
                warp.Values<long>(register)[lane] = bits;
            for (int lane = 0; lane < Warp.Size && !wide; lane++)
                warp.Values<int>(register)[lane] = (int)bits;
            warp.Defined[register.Index] = uint.MaxValue;
        }

        foreach ((string name, Reg register) in _specials)
        {
            for (int lane = 0; lane < Warp.Size; lane++)
                warp.Values<int>(register)[lane] = Special(name, warp, lane);
            warp.Defined[register.Index] = uint.MaxValue;
        }
    }

    /// <summary>Tells each instruction which sums of wgmma it touches.</summary>
    private void FindSums()
    {
        var sums = new HashSet<int>(Code.OfType<WarpgroupMultiplyOp>().SelectMany(op => op.SumIndices));
        HasProducts = Program.Instructions.Any(instruction => instruction.Operation[0] == "wgmma");
        for (int i = 0; i < Code.Length && sums.Count > 0; i++)
        {
            if (Code[i] is not WarpgroupMultiplyOp)
                Code[i].Sums = [.. Program.Instructions[i].Operands.SelectMany(operand => operand.List ?? [operand.Register])
                    .Where(sums.Contains).Distinct()];
        }
    }

    private static int Special(string name, Warp warp, int lane)
    {
        Launch launch = warp.Group.Launch;
        int thread = warp.Index * Warp.Size + lane;
        return name switch
        {
            "%tid.x" => thread % launch.GroupX,
            "%tid.y" => thread / launch.GroupX % launch.GroupY,
            "%tid.z" => thread / launch.GroupX / launch.GroupY,
            "%ntid.x" => launch.GroupX,
            "%ntid.y" => launch.GroupY,
            "%ntid.z" => launch.GroupZ,
            "%ctaid.x" => warp.Group.X,
            "%ctaid.y" => warp.Group.Y,
            "%ctaid.z" => warp.Group.Z,
            "%nctaid.x" => launch.GridX,
            "%nctaid.y" => launch.GridY,
            "%nctaid.z" => launch.GridZ,
            "%laneid" => lane,
            "%warpid" => warp.Index,
            ['0', 'f', ..] => int.Parse(name[2..], NumberStyles.HexNumber, CultureInfo.InvariantCulture),
            _ when int.TryParse(name, NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture, out int number) => number,
            _ => throw new NotSupportedException(name),
        };
    }

    private int AddRegister(int width)
    {
        _offsets.Add(FrameSize);
        FrameSize += width == 2 ? 2 * sizeof(int) * Warp.Size : sizeof(int) * Warp.Size;
        return _offsets.Count - 1;
    }

    /// <summary>Logarithm of the smallest read or write of a space, at most 16 bytes. Atomic operations count as reads.</summary>
    private int Granule(string space, bool isWrite)
    {
        int least = 16;
        foreach (PtxInstruction instruction in Program.Instructions)
        {
            string[] operation = instruction.Operation;
            if (operation[0] == "cp" && instruction.Operands.Length > 2 && isWrite == (space == "shared"))
                least = Math.Min(least, (int)instruction.Operands[2].Immediate);
            if (operation[0] is not ("ld" or "st" or "atom" or "red") || operation[0] == "st" != isWrite)
                continue;
            if (operation.Contains(space) || !operation.Any(part => part is "global" or "shared" or "local" or "param"))
            {
                int count = operation.Contains("v4") ? 4 : operation.Contains("v2") ? 2 : 1;
                least = Math.Min(least, int.Parse(operation[^1][1..], CultureInfo.InvariantCulture) / 8 * count);
            }
        }

        return BitOperations.Log2((uint)least);
    }
}

/// <summary>Logarithms of the smallest read and the smallest write of a space: in pieces of these sizes races are looked for.</summary>
internal readonly record struct Granules(int Reads, int Writes);

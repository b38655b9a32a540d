namespace Dino.Gpu.Tests.Cuda;

/// <summary>
/// Where in a kernel each register is alive: from there on some way leads to an instruction that reads it before one
/// writes it. A write under a predicate ends nothing.
/// </summary>
internal sealed class PtxLiveness
{
    private readonly PtxProgram _program;
    private readonly ulong[][] _before;

    public PtxLiveness(PtxProgram program)
    {
        _program = program;
        PtxInstruction[] code = program.Instructions;
        int words = (program.RegisterCount + 63) / 64;
        int[][] read = [.. code.Select(instruction => Read(instruction).ToArray())];
        int[][] written = [.. code.Select(instruction => instruction.Predicate < 0 ? Written(instruction).ToArray() : [])];
        _before = [.. code.Select(_ => new ulong[words])];
        ulong[] alive = new ulong[words];
        for (bool changed = true; changed;)
        {
            changed = false;
            for (int i = code.Length - 1; i >= 0; i--)
            {
                // After it: what any successor needs. Before: that without what is written, with what is read.
                SetAfter(i, alive);
                foreach (int register in written[i])
                    alive[register / 64] &= ~(1UL << (register % 64));
                foreach (int register in read[i])
                    alive[register / 64] |= 1UL << (register % 64);
                if (alive.AsSpan().SequenceEqual(_before[i]))
                    continue;
                alive.CopyTo(_before[i], 0);
                changed = true;
            }
        }
    }

    /// <summary>
    /// How many registers a kernel needs: the most values that are alive at once, in 32 bits, as its PTX stands. The
    /// assembler may need a few more, for what it moves out of loops, and reuses none sooner.
    /// </summary>
    public static int Registers(PtxProgram program)
    {
        var liveness = new PtxLiveness(program);
        int most = 0;
        ulong[] alive = new ulong[(program.RegisterCount + 63) / 64];
        for (int i = 0; i < program.Instructions.Length; i++)
        {
            liveness.SetAfter(i, alive);
            int sum = 0;
            for (int register = 0; register < program.RegisterWidths.Count; register++)
                sum += (alive[register / 64] >> (register % 64) & 1) != 0 ? program.RegisterWidths[register] : 0;
            most = Math.Max(most, sum);
        }

        return most;
    }

    /// <summary>
    /// For each register the first and the last instruction that names it or before which it is alive. Two that do not
    /// overlap may lie in one place, and what nobody has written stays so: such a register is alive from the start.
    /// </summary>
    public (int First, int Last)[] Ranges()
    {
        var ranges = new (int First, int Last)[_program.RegisterCount];
        Array.Fill(ranges, (int.MaxValue, -1));
        for (int i = 0; i < _before.Length; i++)
        {
            foreach (int register in Written(_program.Instructions[i]).Concat(Read(_program.Instructions[i])))
                Extend(register, i);
            for (int word = 0; word < _before[i].Length; word++)
            {
                for (ulong left = _before[i][word]; left != 0; left &= left - 1)
                    Extend(64 * word + System.Numerics.BitOperations.TrailingZeroCount(left), i);
            }
        }

        return ranges;

        void Extend(int register, int i) =>
            ranges[register] = (Math.Min(ranges[register].First, i), Math.Max(ranges[register].Last, i));
    }

    private void SetAfter(int i, ulong[] alive)
    {
        PtxInstruction instruction = _program.Instructions[i];
        bool branches = instruction.Operation[0] == "bra";
        bool goesOn = (!branches && instruction.Operation[0] is not ("ret" or "exit")) || instruction.Predicate >= 0;
        ulong[]? next = goesOn && i + 1 < _before.Length ? _before[i + 1] : null;
        ulong[]? target = branches && instruction.Target < _before.Length ? _before[instruction.Target] : null;
        for (int word = 0; word < alive.Length; word++)
            alive[word] = (next is null ? 0 : next[word]) | (target is null ? 0 : target[word]);
    }

    private static IEnumerable<int> Written(PtxInstruction instruction) => Writes(instruction) ? Registers(instruction.Operands[0]) : [];

    /// <summary>Products of warpgroups add to what they write.</summary>
    private static IEnumerable<int> Read(PtxInstruction instruction) =>
        instruction.Operands.Skip(Writes(instruction) && instruction.Operation[0] != "wgmma" ? 1 : 0).SelectMany(Registers)
            .Concat(instruction.Predicate >= 0 ? [instruction.Predicate] : []);

    private static bool Writes(PtxInstruction instruction) =>
        instruction.Operands.Length > 0 && instruction.Operation[0] is not ("st" or "red" or "cp" or "bar" or "bra" or "ret");

    private static IEnumerable<int> Registers(PtxOperand operand) => operand.List ?? (operand.Register >= 0 ? [operand.Register] : []);
}

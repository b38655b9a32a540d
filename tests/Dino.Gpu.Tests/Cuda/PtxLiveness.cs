namespace Dino.Gpu.Tests.Cuda;

/// <summary>
/// How many registers a kernel needs: the most values that are alive at once, in 32 bits, as its PTX stands. The
/// assembler may need a few more, for what it moves out of loops, and reuses none sooner.
/// </summary>
internal static class PtxLiveness
{
    public static int Registers(PtxProgram program)
    {
        PtxInstruction[] code = program.Instructions;
        int words = (program.RegisterCount + 63) / 64;
        ulong[][] before = [.. code.Select(_ => new ulong[words])];
        int most = 0;
        for (bool changed = true; changed;)
        {
            changed = false;
            for (int i = code.Length - 1; i >= 0; i--)
            {
                // Alive after: what any successor needs. Before: that without what is written, with what is read.
                ulong[] alive = new ulong[words];
                foreach (int next in Successors(code, i))
                {
                    for (int word = 0; word < words; word++)
                        alive[word] |= before[next][word];
                }

                most = Math.Max(most, Count(alive, program.RegisterWidths));
                foreach (int register in Written(code[i]))
                    alive[register / 64] &= ~(1UL << (register % 64));
                foreach (int register in Read(code[i]))
                    alive[register / 64] |= 1UL << (register % 64);
                changed |= !alive.AsSpan().SequenceEqual(before[i]);
                before[i] = alive;
            }
        }

        return most;
    }

    private static IEnumerable<int> Successors(PtxInstruction[] code, int i)
    {
        if (code[i].Operation[0] == "bra")
            yield return code[i].Target;
        if ((code[i].Operation[0] is not ("bra" or "ret") || code[i].Predicate >= 0) && i + 1 < code.Length)
            yield return i + 1;
    }

    private static IEnumerable<int> Written(PtxInstruction instruction) =>
        Writes(instruction) && instruction.Predicate < 0 ? Registers(instruction.Operands[0]) : [];

    private static IEnumerable<int> Read(PtxInstruction instruction) =>
        instruction.Operands.Skip(Writes(instruction) ? 1 : 0).SelectMany(Registers)
            .Concat(instruction.Predicate >= 0 ? [instruction.Predicate] : []);

    private static bool Writes(PtxInstruction instruction) =>
        instruction.Operation[0] is not ("st" or "red" or "cp" or "bar" or "bra" or "ret");

    private static IEnumerable<int> Registers(PtxOperand operand) => operand.List ?? (operand.Register >= 0 ? [operand.Register] : []);

    private static int Count(ulong[] alive, List<int> widths)
    {
        int sum = 0;
        for (int i = 0; i < widths.Count; i++)
            sum += (alive[i / 64] >> (i % 64) & 1) != 0 ? widths[i] : 0;
        return sum;
    }
}

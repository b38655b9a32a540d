using System.Globalization;

namespace Dino.Gpu.Tests.Kernels.Assembler;

/// <summary>What the assembler says about kernels, for docs/gpu.md and for people.</summary>
internal static class AssemblerTable
{
    /// <summary>A row of the table of docs/gpu.md.</summary>
    /// <param name="kernel">On sm_90.</param>
    /// <param name="ampere">The same on sm_80; null where it is of sm_90 alone.</param>
    public static string Row(AssembledKernel kernel, AssembledKernel? ampere)
    {
        (SassLoop? loop, string operation) = HotLoop(kernel);
        string hot = loop is null
            ? "| | | "
            : string.Create(
                CultureInfo.InvariantCulture,
                $"| {loop.Operations.Count} | {loop.Count(operation)} {operation} | {Share(loop, operation):F0} % ");
        string before = ampere?.Registers.ToString(CultureInfo.InvariantCulture) ?? "none";
        return $"| {kernel.Name} | {kernel.Threads} | {kernel.SharedBytes} | {before} | {kernel.Registers} "
            + $"| {kernel.GroupsOfOne} | {kernel.Code.Length} {hot}|";
    }

    /// <summary>Writes texts, machine code and a table into a folder.</summary>
    public static void Write(IReadOnlyList<AssembledKernel> kernels, string folder, string architecture)
    {
        Directory.CreateDirectory(folder);
        using StreamWriter table = File.CreateText(Path.Combine(folder, $"table.{architecture}.txt"));
        table.WriteLine(
            $"{architecture,-72} {"threads",7} {"shared",6} {"regs",4} {"groups",6} {"spills",6} {"instr",5}"
            + "  hot loop: instructions, multiply-adds, share, instructions after it");
        foreach (AssembledKernel kernel in kernels)
        {
            string path = Path.Combine(folder, $"{kernel.Name}.{architecture}");
            File.WriteAllText(path + ".ptx", kernel.Ptx);
            File.WriteAllText(path + ".sass", kernel.Disassembly);
            (SassLoop? loop, string operation) = HotLoop(kernel);
            table.Write($"{kernel.Name,-72} {kernel.Threads,7} {kernel.SharedBytes,6} {kernel.Registers,4} ");
            table.Write($"{kernel.GroupsOfOne,6} {kernel.SpillBytes,6} {kernel.Code.Length,5}");
            table.WriteLine(loop is null ? "" : string.Create(
                CultureInfo.InvariantCulture,
                $"  {loop.Operations.Count,4} {loop.Count(operation),4} {operation} {Share(loop, operation),3:F0} %")
                + $" {kernel.Code.CountAfter(loop),5}");
        }
    }

    private static (SassLoop? Loop, string Operation) HotLoop(AssembledKernel kernel)
    {
        foreach (string operation in new[] { "HGMMA", "HMMA" })
        {
            if (kernel.Code.HotLoop(operation) is { } loop)
                return (loop, operation);
        }

        return (kernel.Code.HotLoop("FFMA"), "FFMA");
    }

    private static double Share(SassLoop loop, string operation) => 100.0 * loop.Count(operation) / loop.Operations.Count;
}

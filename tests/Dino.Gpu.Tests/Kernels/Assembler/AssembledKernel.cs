using System.Globalization;
using System.Text;
using System.Text.RegularExpressions;

namespace Dino.Gpu.Tests.Kernels.Assembler;

/// <summary>What the assembler says about a kernel on one architecture.</summary>
/// <param name="Name">The kernel.</param>
/// <param name="Threads">Of a group, as the launchers have it.</param>
/// <param name="Architecture">10 * major + minor of the compute capability.</param>
/// <param name="Ptx">What was assembled.</param>
/// <param name="Registers">Of a thread.</param>
/// <param name="StackBytes">Local memory of a thread.</param>
/// <param name="SpillBytes">Registers that were stored there, and loaded.</param>
/// <param name="SharedBytes">Of a group.</param>
/// <param name="Warnings">
/// Lines of the assembler's log that have a warning, or say that it had to serialize wgmma (C7510 and others, "Potential
/// Performance Loss").
/// </param>
/// <param name="Binary">The machine code, as the assembler writes it.</param>
/// <param name="Key">What the cache calls it.</param>
internal sealed partial record AssembledKernel(
    string Name, int Threads, int Architecture, string Ptx, int Registers, int StackBytes, int SpillBytes, int SharedBytes, string Warnings,
    byte[] Binary, string Key)
{
    private string? _disassembly;
    private SassProgram? _code;

    /// <summary>The machine code as text. The disassembler takes as long as the assembler, so it runs when it is asked.</summary>
    public string Disassembly => _disassembly ??= Encoding.UTF8.GetString(AssemblyCache.Get(Key + ".sass", Disassemble));

    /// <summary>The machine code, taken apart.</summary>
    public SassProgram Code => _code ??= new SassProgram(Disassembly);

    /// <summary>Groups that a multiprocessor holds at once, by registers, shared memory and threads.</summary>
    public int GroupsOfOne
    {
        get
        {
            // CUDA C++ Programming Guide, technical specifications: shared memory of a multiprocessor in KiB, threads,
            // groups.
            (int shared, int threads, int groups) = Architecture switch
            {
                75 => (64, 1024, 16),
                80 => (164, 2048, 32),
                86 => (100, 1536, 16),
                89 or 120 => (100, 1536, 24),
                _ => (228, 2048, 32),
            };

            // Registers are given to a warp in units of 8 a lane; from 8.0 on the system takes 1 KiB of shared memory a
            // group.
            int byRegisters = 65536 / ((Registers + 7) / 8 * 8 * Threads);
            int reserved = Architecture >= 80 ? 1024 : 0;
            int byMemory = SharedBytes + reserved > 0 ? shared * 1024 / (SharedBytes + reserved) : groups;
            return new[] { byRegisters, byMemory, threads / Threads, groups }.Min();
        }
    }

    /// <summary>Assembles a kernel; the failure of the assembler is the test's.</summary>
    /// <param name="name">The kernel.</param>
    /// <param name="threads">Of a group.</param>
    /// <param name="ptx">Its text.</param>
    /// <param name="architecture">As in <see cref="Architecture"/>.</param>
    /// <param name="dynamicShared">Bytes of shared memory that a launch gives beside what the kernel declares.</param>
    /// <param name="variant">What follows the number in the name of the architecture.</param>
    public static AssembledKernel Of(
        string name, int threads, string ptx, int architecture, int dynamicShared = 0, string variant = "")
    {
        string text = GpuKernels.Numbered(ptx);
        string target = $"sm_{architecture}{variant}";
        string key = AssemblyCache.KeyOf(text, architecture, $"-arch={target} -v");
        byte[]? binary = null;
        string log = Encoding.UTF8.GetString(AssemblyCache.Get(key + ".log", () =>
        {
            (binary, string said) = Assemble(name, text, architecture, target);
            return Encoding.UTF8.GetBytes(said);
        }));
        binary = AssemblyCache.Get(key + ".cubin", () => binary ?? Assemble(name, text, architecture, target).Binary);
        Match spills = SpillPattern().Match(log);
        return new AssembledKernel(
            name, threads, architecture, ptx, Number(RegisterPattern().Match(log)), Number(StackPattern().Match(log)),
            Number(spills, 1) + Number(spills, 2), Number(SharedPattern().Match(log)) + dynamicShared,
            string.Join('\n', log.Split('\n').Where(line => line.Contains("warning", StringComparison.OrdinalIgnoreCase)
                || line.Contains("Performance Loss", StringComparison.Ordinal))),
            binary, key);
    }

    private static (byte[] Binary, string Log) Assemble(string name, string ptx, int architecture, string target)
    {
        DirectoryInfo folder = Directory.CreateTempSubdirectory("dino-ptx-");
        try
        {
            string source = Path.Combine(folder.FullName, "kernel.ptx");
            string binary = Path.Combine(folder.FullName, "kernel.cubin");
            File.WriteAllText(source, ptx);
            (string log, bool succeeded) = CudaTools.Run(architecture, "ptxas", $"-arch={target}", "-v", source, "-o", binary);
            Assert.True(succeeded, $"{name}, {target}: {log}");
            return (File.ReadAllBytes(binary), log);
        }
        finally
        {
            folder.Delete(recursive: true);
        }
    }

    private byte[] Disassemble()
    {
        string file = Path.GetTempFileName();
        try
        {
            File.WriteAllBytes(file, Binary);
            (string disassembly, bool succeeded) = CudaTools.Run(Architecture, "cuobjdump", "-sass", file);
            Assert.True(succeeded, disassembly);
            return Encoding.UTF8.GetBytes(disassembly);
        }
        finally
        {
            File.Delete(file);
        }
    }

    [GeneratedRegex(@"Used (\d+) registers")]
    private static partial Regex RegisterPattern();

    [GeneratedRegex(@"(\d+) bytes stack frame")]
    private static partial Regex StackPattern();

    [GeneratedRegex(@"(\d+) bytes spill stores, (\d+) bytes spill loads")]
    private static partial Regex SpillPattern();

    [GeneratedRegex(@"(\d+) bytes smem")]
    private static partial Regex SharedPattern();

    private static int Number(Match match, int group = 1) =>
        match.Success ? int.Parse(match.Groups[group].Value, CultureInfo.InvariantCulture) : 0;
}

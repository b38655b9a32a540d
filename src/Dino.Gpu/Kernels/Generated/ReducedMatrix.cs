using Dino.Gpu.Kernels.Simd;

namespace Dino.Gpu.Kernels.Generated;

/// <summary>
/// A weight matrix (outputs, inputs) as the tiles read it: sections of 384 outputs by 384 inputs, outputs first; a
/// section is a sequence of panels of 32 outputs, each (steps, 32, 4 bytes). Inputs of a block are padded with zeros to
/// whole unrolled steps. Bytes have a scale for each output and group of inputs: a block, or the first inputs of the
/// first block and its rest.
/// </summary>
internal unsafe struct ReducedMatrix
{
    public byte* Panels;

    /// <summary>Int8: (groups, padded outputs).</summary>
    public float* Scale;

    /// <summary>Int8: (groups, padded outputs): the sum of an output's bytes times its scale.</summary>
    public float* ZeroSum;

    public TileKind Kind;
    public int Outputs;
    public int Inputs;

    /// <summary>
    /// Inputs at the front that have scales of their own; 0 where the whole first block shares them. A multiple of what
    /// any tile takes at once.
    /// </summary>
    public int FirstGroup;

    /// <summary>That of the <see cref="Tiles"/> that multiply it.</summary>
    public int StepUnit;

    /// <summary>Panels of all outputs.</summary>
    public readonly int PanelCount => (Outputs + TileGenerator.Width - 1) / TileGenerator.Width;

    public readonly int PaddedOutputs => PanelCount * TileGenerator.Width;

    public readonly int InputBlocks => Gemm.Blocks(Inputs);

    /// <summary>Groups of inputs.</summary>
    public readonly int Groups => InputBlocks + (IsSplit ? 1 : 0);

    private readonly bool IsSplit => FirstGroup > 0 && FirstGroup < Inputs;

    /// <summary>Bytes of all panels.</summary>
    public readonly long Size => PanelCount * PanelBytes;

    /// <summary>Bytes of one panel over all inputs.</summary>
    public readonly long PanelBytes
    {
        get
        {
            long steps = 0;
            for (int block = 0; block < InputBlocks; block++)
                steps += Steps(block);
            return steps * TileGenerator.StepBytes;
        }
    }

    /// <summary>Steps of a block of inputs.</summary>
    public readonly int Steps(int block)
    {
        int count = Math.Min(Gemm.BlockSize, Inputs - block * Gemm.BlockSize);
        return Tiles.PaddedSteps(count, Kind, StepUnit);
    }

    /// <summary>A group of inputs: its block, its first input in that block, and its inputs.</summary>
    public readonly (int Block, int First, int Count) Group(int group)
    {
        int block = IsSplit ? Math.Max(0, group - 1) : group;
        int count = Math.Min(Gemm.BlockSize, Inputs - block * Gemm.BlockSize);
        if (!IsSplit || group > 1)
            return (block, 0, count);
        return group == 0 ? (0, 0, FirstGroup) : (0, FirstGroup, count - FirstGroup);
    }

    /// <summary>Where the steps of a panel and block of inputs begin.</summary>
    public readonly byte* Start(int panel, int block)
    {
        int firstPanel = panel / PanelsPerBlock * PanelsPerBlock;
        int panels = Math.Min(PanelsPerBlock, PanelCount - firstPanel);
        // Blocks before this one are whole.
        long before = (long)block * (Gemm.BlockSize / TileGenerator.StepLength(Kind)) * TileGenerator.StepBytes * panels;
        long inBlock = (long)(panel - firstPanel) * Steps(block) * TileGenerator.StepBytes;
        return Panels + firstPanel * PanelBytes + before + inBlock;
    }

    /// <summary>Int8: what a weight became.</summary>
    public readonly float ByteWeight(int output, int input)
    {
        int block = input / Gemm.BlockSize, column = input % Gemm.BlockSize;
        int group = !IsSplit ? block : block > 0 || column >= FirstGroup ? block + 1 : 0;
        int place = output % TileGenerator.Width;
        byte* step = Start(output / TileGenerator.Width, block) + (nint)(column / 4) * TileGenerator.StepBytes;
        return Scale[(nint)group * PaddedOutputs + output] * (sbyte)step[4 * place + column % 4];
    }

    /// <summary>Panels of a block of 384 outputs.</summary>
    public static int PanelsPerBlock => Gemm.BlockSize / TileGenerator.Width;
}

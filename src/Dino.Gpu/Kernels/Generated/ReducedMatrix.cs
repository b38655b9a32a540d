using Dino.Gpu.Kernels.Simd;

namespace Dino.Gpu.Kernels.Generated;

/// <summary>
/// A weight matrix (outputs, inputs) as the tiles read it: sections of 384 outputs by 384 inputs, outputs first; a
/// section is a sequence of panels of 32 outputs, each (steps, 32, 4 bytes). Inputs of a block are padded with zeros to
/// whole unrolled steps. Bytes have a scale for each output and block of inputs.
/// </summary>
internal unsafe struct ReducedMatrix
{
    public byte* Panels;

    /// <summary>Int8: (input blocks, padded outputs).</summary>
    public float* Scale;

    /// <summary>Int8: (input blocks, padded outputs): the sum of an output's bytes times its scale.</summary>
    public float* ZeroSum;

    public TileKind Kind;
    public int Outputs;
    public int Inputs;

    /// <summary>That of the <see cref="Tiles"/> that multiply it.</summary>
    public int StepUnit;

    /// <summary>Panels of all outputs.</summary>
    public readonly int PanelCount => (Outputs + TileGenerator.Width - 1) / TileGenerator.Width;

    public readonly int PaddedOutputs => PanelCount * TileGenerator.Width;

    public readonly int InputBlocks => Gemm.Blocks(Inputs);

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

    /// <summary>Panels of a block of 384 outputs.</summary>
    public static int PanelsPerBlock => Gemm.BlockSize / TileGenerator.Width;
}

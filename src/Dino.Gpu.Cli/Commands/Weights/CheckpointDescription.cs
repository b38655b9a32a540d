using Dino.Gpu.Checkpoints;
using Dino.Gpu.Imaging;
using Dino.Gpu.Model;

namespace Dino.Gpu.Cli.Commands;

/// <summary>A checkpoint as the JSON of <c>dino weights info</c> has it.</summary>
internal sealed record CheckpointDescription(
    string Path,
    long FileBytes,
    string Sha256,
    string Format,
    string? Layout,
    IReadOnlyList<string> Branches,
    string? Branch,
    string? Model,
    VitConfig? Config,
    PreprocessorConfig? Preprocessor,
    string? Problem,
    IReadOnlyList<string> Problems,
    IReadOnlyList<string> Ignored,
    IReadOnlyList<CheckpointTensor> Tensors)
{
    /// <summary>Describes a checkpoint; reads the file once more, for its digest.</summary>
    public static CheckpointDescription Of(CheckpointInfo info) => new(
        info.Path, info.FileBytes, Checkpoint.Sha256(info.Path), info.FormatName, info.LayoutName, info.Branches, info.Branch,
        info.ModelName, info.Config, info.Preprocessor, info.Problem, info.Problems, info.Ignored, info.Tensors);
}

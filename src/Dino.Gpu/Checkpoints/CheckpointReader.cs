using Dino.Gpu.Files;
using Dino.Gpu.Imaging;

namespace Dino.Gpu.Checkpoints;

/// <summary>Tells the formats apart by content, never by name, and finds the tensors.</summary>
internal static class CheckpointReader
{
    private const int LookAt = OtherModels.LookAt;

    /// <exception cref="DinoException">The format is not known, or the file is broken.</exception>
    public static TensorTable Read(CheckpointFile file, string? branch)
    {
        if (branch is not (null or CheckpointOptions.Teacher or CheckpointOptions.Student))
            throw new WeightsException($"unknown branch '{branch}', expected teacher or student");
        return IsIndex(file) ? ShardIndex.Read(file, shard => ReadFile(shard, branch)) : ReadFile(file, branch);
    }

    /// <summary>Whether it is the index of a model in several files.</summary>
    public static bool IsIndex(CheckpointFile file)
    {
        byte[] start = Start(file);
        return !SafetensorsHeader.IsAtStart(start) && ShardIndex.IsAtStart(file.Path, start);
    }

    private static TensorTable ReadFile(CheckpointFile file, string? branch)
    {
        if (file.Length == 0) throw file.Error("empty, expected a checkpoint");
        byte[] start = Start(file);
        if (TorchReader.IsZip(start)) return TorchReader.ReadZip(file, branch);
        if (TorchReader.IsLegacy(start)) return TorchReader.ReadLegacy(file, branch);
        if (SafetensorsHeader.IsAtStart(start)) return SafetensorsReader.Read(file, branch);
        throw file.Error(Describe(start), IsPointer(start) ? "fetch it with 'git lfs pull' or 'dino weights pull'" : null);
    }

    /// <summary>Whether a file starts as a checkpoint, or is the Git LFS pointer of one.</summary>
    /// <exception cref="DinoException">It cannot be read.</exception>
    public static bool IsCheckpoint(string path)
    {
        using CheckpointFile file = CheckpointFile.Open(path);
        byte[] start = Start(file);
        return TorchReader.IsZip(start) || TorchReader.IsLegacy(start) || SafetensorsHeader.IsAtStart(start) || IsPointer(start);
    }

    private static string Describe(ReadOnlySpan<byte> start)
    {
        const string expected = "expected what torch.save writes (.bin, .pth) or safetensors";
        if (OtherModels.OfStart(start) is { } known)
            return $"{known}, {expected}";
        string found = ImageHeader.FormatOf(start) is { } picture
            ? $"a {ImageHeader.NameOf(picture)} picture"
            : ForeignFormats.Describe(start);
        return $"not a checkpoint that can be read, {expected}, found {found}";
    }

    /// <summary>Whether a file only says where the weights are.</summary>
    /// <exception cref="DinoException">It cannot be read.</exception>
    public static bool IsPointer(string path)
    {
        using CheckpointFile file = CheckpointFile.Open(path);
        return IsPointer(Start(file));
    }

    private static byte[] Start(CheckpointFile file)
    {
        byte[] start = new byte[Math.Min(LookAt, file.Length)];
        file.Read(0, start, "the start");
        return start;
    }

    private static bool IsPointer(ReadOnlySpan<byte> start) =>
        start.StartsWith("version https://git-lfs"u8) || start.StartsWith("# xet version"u8);
}

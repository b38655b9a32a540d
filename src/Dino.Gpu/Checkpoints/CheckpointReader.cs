using Dino.Gpu.Files;

namespace Dino.Gpu.Checkpoints;

/// <summary>Tells the formats apart by content, never by name, and finds the tensors.</summary>
internal static class CheckpointReader
{
    private const int LookAt = 32;

    /// <exception cref="DinoException">The format is not known, or the file is broken.</exception>
    public static TensorTable Read(CheckpointFile file, string? branch)
    {
        if (branch is not (null or "teacher" or "student")) throw new DinoException($"unknown branch '{branch}', expected teacher or student");
        if (file.Length == 0) throw file.Error("empty, expected a checkpoint");
        byte[] start = new byte[Math.Min(LookAt, file.Length)];
        file.Read(0, start, "the start");
        if (TorchReader.IsZip(start)) return TorchReader.ReadZip(file, branch);
        if (TorchReader.IsLegacy(start)) return TorchReader.ReadLegacy(file, branch);
        if (SafetensorsHeader.IsAtStart(start))
        {
            return branch is null ? SafetensorsReader.Read(file) : throw file.Error($"a safetensors file has no branch '{branch}', nor any other");
        }

        throw file.Error(Describe(start));
    }

    /// <summary>Whether a file starts as a checkpoint, or is the Git LFS pointer of one.</summary>
    /// <exception cref="DinoException">It cannot be read.</exception>
    public static bool IsCheckpoint(string path)
    {
        using CheckpointFile file = CheckpointFile.Open(path);
        byte[] start = new byte[Math.Min(LookAt, file.Length)];
        file.Read(0, start, "the start");
        return TorchReader.IsZip(start) || TorchReader.IsLegacy(start) || SafetensorsHeader.IsAtStart(start) || IsLfsPointer(start);
    }

    private static bool IsLfsPointer(ReadOnlySpan<byte> start) => start.StartsWith("version https://git-lfs"u8);

    private static string Describe(ReadOnlySpan<byte> start)
    {
        const string expected = "expected what torch.save writes (.bin, .pth) or safetensors";
        if (IsLfsPointer(start)) return $"a Git LFS pointer, not the weights: fetch it with 'git lfs pull' or 'dino weights pull'; {expected}";
        if (start.TrimStart(" \r\n\t"u8).StartsWith("<"u8)) return $"an HTML or XML page, not a checkpoint; {expected}";
        return $"not a checkpoint that can be read, {expected}; it starts with {Convert.ToHexString(start[..Math.Min(8, start.Length)])}";
    }
}

using System.Security.Cryptography;
using Dino.Gpu.Files;
using Dino.Gpu.Model;

namespace Dino.Gpu.Checkpoints;

/// <summary>
/// Reads DINO checkpoints: Hugging Face <c>pytorch_model.bin</c>, original DINO <c>.pth</c> (backbone or training
/// checkpoint),
/// both before and since torch 1.6, and <c>.safetensors</c>, stored in float32, float16, bfloat16 or float64.
/// The format is told by content. Pickles are read by a reader that runs nothing.
/// </summary>
public static class Checkpoint
{
    private const int BufferBytes = 1 << 20;

    /// <summary>
    /// Loads a checkpoint as float32. Every size is taken from the tensors. <c>config.json</c> beside a file with
    /// Hugging Face names adds the number of heads (else hidden / 64) and the LayerNorm epsilon (else 1e-12, and 1e-6
    /// for the original DINO's names); <c>preprocessor_config.json</c> says how pictures become the input.
    /// </summary>
    /// <param name="path">The file, or the <c>.index.json</c> of a model in several files.</param>
    /// <param name="options">What the file does not say; null for the teacher, and heads as the file says.</param>
    /// <exception cref="DinoException">
    /// The file is no checkpoint, is broken, or does not fit a DINO ViT: then the message lists every missing,
    /// unexpected and misshapen tensor.
    /// </exception>
    public static VitWeights Load(string path, CheckpointOptions? options = null) => LoadWatched(path, options, LoadWatch.None);

    /// <inheritdoc cref="Load"/>
    /// <param name="path">As there.</param>
    /// <param name="options">As there.</param>
    /// <param name="watch">Follows, and may end it.</param>
    internal static VitWeights LoadWatched(string path, CheckpointOptions? options, LoadWatch watch)
    {
        ArgumentNullException.ThrowIfNull(path);
        using CheckpointFile file = CheckpointFile.Open(path);
        return CheckpointBinding.Bind(file, CheckpointReader.Read(file, options?.Branch), options?.Heads).Load(watch);
    }

    /// <summary>
    /// SHA-256 of a model, as 64 lower-case hexadecimal digits: of its file, or of its index and then its other files in
    /// the order of their names.
    /// </summary>
    /// <exception cref="DinoException">A file cannot be read.</exception>
    public static string Sha256(string path)
    {
        ArgumentNullException.ThrowIfNull(path);
        using CheckpointFile file = CheckpointFile.Open(path);
        return Sha256OfFiles(CheckpointReader.IsIndex(file) ? [path, .. ShardIndex.Files(file)] : [path]);
    }

    /// <summary>SHA-256 of some files, one after the other.</summary>
    /// <exception cref="DinoException">A file cannot be read.</exception>
    internal static string Sha256OfFiles(params IReadOnlyList<string> files)
    {
        string path = "";
        try
        {
            using var hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
            byte[] buffer = new byte[BufferBytes];
            foreach (string part in files)
            {
                path = part;
                using var stream = new FileStream(CheckpointFile.OpenHandle(part), FileAccess.Read, bufferSize: 0);
                for (int read; (read = stream.Read(buffer)) > 0;)
                    hash.AppendData(buffer, 0, read);
            }

            return Convert.ToHexStringLower(hash.GetHashAndReset());
        }
        catch (IOException failure)
        {
            throw new WeightsException($"{path}: {RegularFile.CannotBeRead(failure.Message)}", failure);
        }
    }
}

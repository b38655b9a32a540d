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
    /// <summary>
    /// Loads a checkpoint as float32. Every size is taken from the tensors. <c>config.json</c> beside a file with
    /// Hugging Face names
    /// adds the number of heads (else hidden / 64) and the LayerNorm epsilon (else 1e-12, and 1e-6 for the original
    /// DINO's names).
    /// </summary>
    /// <param name="path">The file.</param>
    /// <param name="options">Which branch of a training checkpoint; null for the teacher.</param>
    /// <exception cref="DinoException">
    /// The file is no checkpoint, is broken, or does not fit a DINO ViT: then the message lists every missing,
    /// unexpected and misshapen tensor.
    /// </exception>
    public static VitWeights Load(string path, CheckpointOptions? options = null)
    {
        ArgumentNullException.ThrowIfNull(path);
        using CheckpointFile file = CheckpointFile.Open(path);
        return CheckpointBinding.Bind(file, CheckpointReader.Read(file, options?.Branch)).Load();
    }

    /// <summary>SHA-256 of a weights file, as 64 lower-case hexadecimal digits.</summary>
    /// <exception cref="DinoException">The file cannot be read.</exception>
    public static string Sha256(string path)
    {
        ArgumentNullException.ThrowIfNull(path);
        try
        {
            using var stream = new FileStream(RegularFile.Open(path), FileAccess.Read, bufferSize: 0);
            return Convert.ToHexStringLower(SHA256.HashData(stream));
        }
        catch (DinoException failure)
        {
            throw new DinoException($"{path}: {failure.Message}", failure.Hint, failure);
        }
        catch (IOException failure)
        {
            throw new DinoException($"{path}: {RegularFile.CannotBeRead(failure.Message)}", failure);
        }
    }
}

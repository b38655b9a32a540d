using System.Globalization;
using System.Runtime.InteropServices;
using System.Text;
using Dino.Gpu.Files;
using Dino.Gpu.Imaging;
using Dino.Gpu.Model;

namespace Dino.Gpu.Checkpoints;

/// <summary>Element types that <see cref="SafetensorsWriter"/> stores.</summary>
public enum WeightsDataType
{
    /// <summary>IEEE single precision, lossless.</summary>
    Float32,

    /// <summary>IEEE half precision, half the size; rounds to nearest even.</summary>
    Float16,
}

/// <summary>
/// Writes weights as <c>.safetensors</c> with Hugging Face's names and shapes, query, key and value apart again.
/// Named <c>model.safetensors</c> and with the <c>config.json</c> of <c>WriteConfig</c> beside it, the folder is
/// one that
/// <c>AutoModel.from_pretrained</c> loads. What shapes do not show (heads, epsilon) is in the file's metadata too, so
/// the file alone
/// is complete for <see cref="Checkpoint.Load"/>.
/// </summary>
public static class SafetensorsWriter
{
    private const int ChunkLength = 1 << 16;

    // What transformers asks for before it loads a file.
    private const string FormatKey = "format";
    private const string FormatName = "pt";

    /// <summary>Writes the file whole or not at all: beside it, flushed to the disk, then renamed over it.</summary>
    /// <param name="path">Replaced if it exists; a link stays a link, and the file behind it is replaced.</param>
    /// <param name="weights">The model.</param>
    /// <param name="type">Element type in the file.</param>
    /// <exception cref="WeightsException">
    /// An array has not the length that the config says, or a value does not fit float16.
    /// </exception>
    /// <exception cref="DinoException">The file cannot be written.</exception>
    public static void Write(string path, VitWeights weights, WeightsDataType type = WeightsDataType.Float32)
    {
        ArgumentNullException.ThrowIfNull(path);
        ArgumentNullException.ThrowIfNull(weights);
        Write(path, weights, type, CancellationToken.None);
    }

    private static void Write(string path, VitWeights weights, WeightsDataType type, CancellationToken cancellation)
    {
        TensorNames.RequireAll(WeightShapes.Require(weights).Config);
        WriteAtomically(path, stream =>
        {
            IReadOnlyList<TensorSlot> slots = SlotsOf(weights);
            WriteHeader(
                stream,
                slots.Select(slot => (slot.Name, slot.Shape)),
                [
                    .. Preprocessor(weights),
                    new(ModelConfig.HeadsKey, weights.Config.HeadCount.ToString(CultureInfo.InvariantCulture)),
                    new(ModelConfig.EpsilonKey, weights.Config.LayerNormEpsilon.ToString("R", CultureInfo.InvariantCulture)),
                    .. Rotary(weights),
                ],
                type);
            foreach (TensorSlot slot in slots)
            {
                cancellation.ThrowIfCancellationRequested();
                ReadOnlySpan<float> values = slot.Data(weights).Span;
                if (type == WeightsDataType.Float32) stream.Write(MemoryMarshal.AsBytes(values));
                else WriteHalves(stream, values, slot.Name, path);
            }
        });
    }

    /// <summary>
    /// As <see cref="Write(string, VitWeights, WeightsDataType)"/>. A file named <c>model.safetensors</c> without a
    /// <c>config.json</c> beside it gets one, and with it Hugging Face loads the folder.
    /// </summary>
    /// <returns>What was written beside it.</returns>
    /// <exception cref="OperationCanceledException">Nothing was written.</exception>
    internal static IReadOnlyList<string> WriteModel(
        string path, VitWeights weights, WeightsDataType type, CancellationToken cancellation = default)
    {
        Write(path, weights, type, cancellation);
        string folder = Path.GetDirectoryName(path) ?? "";
        string config = Path.Combine(folder, ModelConfig.FileName);
        if (Path.GetFileName(path) != CheckpointNames.Safetensors || File.Exists(config))
            return [];
        WriteConfig(config, weights, type);
        string pictures = Path.Combine(folder, PreprocessorFile.FileName);
        if (weights.Preprocessor is not { } preprocessor || File.Exists(pictures))
            return [config];
        WritePreprocessor(pictures, preprocessor);
        return [config, pictures];
    }

    /// <summary>Writes how pictures become the input as Hugging Face's <c>preprocessor_config.json</c>.</summary>
    /// <param name="path">Replaced if it exists.</param>
    /// <param name="config">What the checkpoint said.</param>
    /// <exception cref="DinoException">The file cannot be written.</exception>
    public static void WritePreprocessor(string path, PreprocessorConfig config)
    {
        ArgumentNullException.ThrowIfNull(path);
        ArgumentNullException.ThrowIfNull(config);
        WriteAtomically(path, stream => stream.Write(PreprocessorFile.ToJson(config)));
    }

    /// <summary>
    /// Writes the sizes as Hugging Face's <c>config.json</c>: for <c>ViTModel</c>, <c>Dinov2Model</c> and so on. Sizes
    /// do not show which biases a model of DINOv3 has, or the base of its RoPE: here queries and values have one, keys
    /// have none, and the base is 100, as in all published models but the 7B ones. Use the overload with the weights
    /// where they are at hand.
    /// </summary>
    /// <param name="path">Replaced if it exists.</param>
    /// <param name="config">The sizes.</param>
    /// <param name="type">What <c>torch_dtype</c> says.</param>
    /// <exception cref="WeightsException">No model has such sizes.</exception>
    /// <exception cref="DinoException">The file cannot be written.</exception>
    public static void WriteConfig(string path, VitConfig config, WeightsDataType type = WeightsDataType.Float32)
    {
        ArgumentNullException.ThrowIfNull(path);
        ArgumentNullException.ThrowIfNull(config);
        TensorNames.RequireAll(config);
        WriteConfigFile(path, config, type, (Query: true, Key: false, Value: true), RopePeriods.UsualBase);
    }

    /// <summary>
    /// Writes <c>config.json</c> as <see cref="WriteConfig(string, VitConfig, WeightsDataType)"/> does, for the tensors
    /// of <see cref="Write(string, VitWeights, WeightsDataType)"/>: a bias of DINOv3 that is zero in every block is
    /// left out there. <c>rope_theta</c> is the base of the periods, left out where they have none.
    /// </summary>
    /// <param name="path">Replaced if it exists.</param>
    /// <param name="weights">The model.</param>
    /// <param name="type">What <c>torch_dtype</c> says.</param>
    /// <exception cref="WeightsException">An array has not the length that the config says.</exception>
    /// <exception cref="DinoException">The file cannot be written.</exception>
    public static void WriteConfig(string path, VitWeights weights, WeightsDataType type)
    {
        ArgumentNullException.ThrowIfNull(path);
        ArgumentNullException.ThrowIfNull(weights);
        TensorNames.RequireAll(WeightShapes.Require(weights).Config);
        WriteConfigFile(
            path, weights.Config, type, (HasBias(weights, 0), HasBias(weights, 1), HasBias(weights, 2)),
            RopePeriods.BaseOf(weights.RotaryPeriods));
    }

    /// <summary>Writes any float32 tensors, whole or not at all.</summary>
    /// <param name="path">Replaced if it exists.</param>
    /// <param name="tensors">In the order of the file.</param>
    /// <param name="metadata">Free text that goes with them.</param>
    /// <exception cref="DinoException">The file cannot be written.</exception>
    internal static void Write(string path, IReadOnlyList<NamedTensor> tensors, IReadOnlyList<KeyValuePair<string, string>> metadata)
    {
        WriteAtomically(path, stream =>
        {
            WriteHeader(stream, tensors.Select(tensor => (tensor.Name, tensor.Shape)), metadata, WeightsDataType.Float32);
            foreach (NamedTensor tensor in tensors)
                stream.Write(MemoryMarshal.AsBytes(tensor.Values.Span));
        });
    }

    private static IEnumerable<KeyValuePair<string, string>> Preprocessor(VitWeights weights) => weights.Preprocessor is { } config
        ? [new(PreprocessorFile.MetadataKey, Encoding.UTF8.GetString(PreprocessorFile.ToJson(config)))]
        : [];

    /// <summary>
    /// The tensors of the file. A bias that DINOv3 leaves out, and that is zero in every block, is left out here too.
    /// </summary>
    private static IReadOnlyList<TensorSlot> SlotsOf(VitWeights weights)
    {
        IReadOnlyList<TensorSlot> slots = TensorSlots.HuggingFace(weights.Config);
        if (weights.Config.Kind != ModelKind.DinoV3)
            return slots;
        HashSet<string> used =
            [.. slots.Where(slot => slot.Data(weights).Span.IndexOfAnyExcept(0f) >= 0).Select(slot => slot.Optional)];
        return [.. slots.Where(slot => slot.Optional.Length == 0 || used.Contains(slot.Optional))];
    }

    /// <summary>Whether any block has a bias for queries (0), keys (1) or values (2).</summary>
    private static bool HasBias(VitWeights weights, int part) => weights.Blocks.Any(block =>
        block.Qkv.Bias.AsSpan(part * weights.Config.HiddenSize, weights.Config.HiddenSize).IndexOfAnyExcept(0f) >= 0);

    /// <summary>What neither the tensors of DINOv3 nor its usual values say.</summary>
    private static IEnumerable<KeyValuePair<string, string>> Rotary(VitWeights weights)
    {
        if (weights.Config.PositionKind != PositionKind.Rotary)
            yield break;
        yield return new(ModelConfig.ImageSizeKey, weights.Config.TrainedImageSize.ToString(CultureInfo.InvariantCulture));
        if (!weights.RotaryPeriods.AsSpan().SequenceEqual(RopePeriods.Of(weights.Config.HeadSize)))
        {
            yield return new(
                ModelConfig.PeriodsKey,
                string.Join(' ', weights.RotaryPeriods.Select(period => period.ToString("R", CultureInfo.InvariantCulture))));
        }
    }

    private static void WriteConfigFile(
        string path, VitConfig config, WeightsDataType type, (bool Query, bool Key, bool Value) biases, double? rotaryBase) =>
        WriteAtomically(path, stream => ModelConfigWriter.Write(stream, config, type, biases, rotaryBase));

    private static void WriteHeader(
        Stream stream,
        IEnumerable<(string Name, long[] Shape)> tensors,
        IEnumerable<KeyValuePair<string, string>> metadata,
        WeightsDataType type)
    {
        string name = (type == WeightsDataType.Float32 ? ElementType.F32 : ElementType.F16).Name();
        stream.Write(SafetensorsHeader.Write(
            tensors.Select(tensor => new SafetensorsTensor(tensor.Name, name, tensor.Shape)),
            [new(FormatKey, FormatName), .. metadata.Where(pair => pair.Key != FormatKey)]));
    }

    private static void WriteHalves(Stream stream, ReadOnlySpan<float> values, string name, string path)
    {
        var halves = new Half[Math.Min(values.Length, ChunkLength)];
        while (values.Length > 0)
        {
            int count = Math.Min(values.Length, halves.Length);
            for (int i = 0; i < count; i++)
            {
                halves[i] = (Half)values[i];
                if (Half.IsInfinity(halves[i]) && float.IsFinite(values[i]))
                {
                    throw new WeightsException(
                        string.Create(
                            CultureInfo.InvariantCulture, $"{path}: {name} has the value {values[i]}, float16 ends at {Half.MaxValue}"),
                        "write float32");
                }
            }

            stream.Write(MemoryMarshal.AsBytes(halves.AsSpan(0, count)));
            values = values[count..];
        }
    }

    private static void WriteAtomically(string path, Action<Stream> write)
    {
        AtomicFile.EnsureWritable(path);
        using var file = new AtomicFile(path);
        file.Write(write);
        file.Complete();
    }
}

/// <summary>A float32 tensor with its name.</summary>
/// <param name="Name">Its key in the file.</param>
/// <param name="Shape">Sides.</param>
/// <param name="Values">Row-major.</param>
internal sealed record NamedTensor(string Name, long[] Shape, ReadOnlyMemory<float> Values);

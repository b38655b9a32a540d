namespace Dino.Gpu.Checkpoints;

/// <summary>Recognizes what people take for DINO weights, by keys and by the first bytes of a file.</summary>
internal static class OtherModels
{
    /// <summary>Bytes that are looked at: the mark of a tar archive ends at 262.</summary>
    public const int LookAt = 512;

    private const int TarMark = 257;

    /// <summary>A part of a key that only this model has; the first that is found decides.</summary>
    private static readonly (string Part, string Model)[] Keys =
    [
        ("distillation_token", "a distilled DeiT"),
        ("dist_token", "a distilled DeiT"),
        ("relative_position_bias_table", "BEiT or Swin"),
        ("logit_bias", "SigLIP"),
        ("vision_model.head.probe", "SigLIP"),
        ("class_embedding", "CLIP"),
        ("logit_scale", "CLIP"),
        ("convnext", "ConvNeXt"),
        ("conv_stem.weight", "EfficientNet or MobileNet"),
        ("dwconv.weight", "ConvNeXt"),
        ("conv_dw.weight", "ConvNeXt"),
        ("depthwise_conv.weight", "ConvNeXt"),
        ("local_mp.conv1", "XCiT"),
        ("embedder.convolution.weight", "ResNet"),
        ("layer1.0.conv1.weight", "ResNet"),
        ("conv1.weight", "ResNet"),
        ("attn_pool.latent", "SigLIP"),
        ("lambda_1", "BEiT"),
        ("gamma_1", "BEiT or CaiT"),
        ("attn.q_bias", "BEiT or EVA"),
        ("norm_pre.weight", "CLIP"),
        ("ln_pre.weight", "CLIP"),
        ("patch_embed.norm.weight", "Swin"),
        ("text_model.", "CLIP or SigLIP"),
        ("wte.weight", "a language model"),
        ("embed_tokens.weight", "a language model"),
        ("word_embeddings.weight", "a language model"),
    ];

    private static readonly (byte[] Start, string What)[] Formats =
    [
        ([.. "GGUF"u8], "a GGUF file"),
        ([0x89, .. "HDF\r\n\x1A\n"u8], "an HDF5 file"),
        ([0x1F, 0x8B], "a gzip file"),
        ([.. "7z"u8, 0xBC, 0xAF, 0x27, 0x1C], "a 7z archive"),
        ([0xFD, .. "7zXZ"u8], "an xz file"),
        ([.. "BZh"u8], "a bzip2 file"),
        ([0x28, 0xB5, 0x2F, 0xFD], "a Zstandard file"),
        ([0x93, .. "NUMPY"u8], "a NumPy array"),
        ([.. "version https://git-lfs"u8], "a Git LFS pointer, not the weights"),
        ([.. "# xet version"u8], "a Xet pointer, not the weights"),
        ([.. "Rar!"u8], "a RAR archive"),
        ([0x04, 0x22, 0x4D, 0x18], "an LZ4 file"),
        ([.. "PAR1"u8], "a Parquet file"),
        ([.. "Entry not found"u8], "an answer of the hub: there is no such file"),
        ([.. "Not Found"u8], "an answer of a server: there is no such file"),
        ([.. "404"u8], "an answer of a server: there is no such file"),
        ([.. "Revision not found"u8], "an answer of the hub: there is no such revision"),
        ([.. "Invalid rev id"u8], "an answer of the hub: there is no such revision"),
        ([.. "Invalid credentials"u8], "an answer of the hub: access was denied"),
        ([.. "Access to model"u8], "an answer of the hub: access was denied"),
        ([.. "Internal Server Error"u8], "an answer of a server that failed"),
        ([.. "Repository not found"u8], "an answer of the hub: there is no such repository"),
        ([.. "Invalid username or password"u8], "an answer of the hub: access was denied"),
        ([0x08, .. "\x03\x12\x07pytorch"u8], "an ONNX model"),
    ];

    /// <summary>The model that has these keys; null where none is known.</summary>
    public static string? OfKeys(IEnumerable<string> names)
    {
        string[] all = [.. names];
        return Keys.FirstOrDefault(key => Any(key.Part)).Model;

        bool Any(string part) => Array.Exists(all, name => name.Contains(part, StringComparison.Ordinal));
    }

    /// <summary>What a file that is no checkpoint is; null where it is not known.</summary>
    /// <param name="start">The first <see cref="LookAt"/> bytes, or all.</param>
    public static string? OfStart(ReadOnlySpan<byte> start)
    {
        foreach ((byte[] mark, string what) in Formats)
        {
            if (start.StartsWith(mark))
                return what;
        }

        if (start.Length > 8 && start[4..].StartsWith("TFL3"u8))
            return "a TensorFlow Lite model";
        if (start.Length > 2 && start[0] == 0x80 && start[1] is >= 2 and <= 5)
            return "a pickle that torch.save did not write";
        if (start.Length > TarMark + 5 && start[TarMark..].StartsWith("ustar"u8))
            return "a tar archive";
        if (start.Length > 2 && start[0] == 0x08 && (start.IndexOf("onnx"u8) >= 0 || start.IndexOf("pytorch"u8) >= 0))
            return "an ONNX model";
        ReadOnlySpan<byte> text = start.StartsWith((ReadOnlySpan<byte>)[0xEF, 0xBB, 0xBF]) ? start[3..] : start;
        text = text.TrimStart(" \r\n\t"u8);
        if (text.StartsWith("<"u8))
            return "an HTML or XML page";
        if (text.StartsWith("{"u8))
        {
            return text.IndexOf("weight_map"u8) >= 0 ? "the index of a model in several files"
                : text.StartsWith("{\"error\""u8) ? "an answer of the hub: an error in JSON"
                : "a JSON file";
        }

        return IsMessagePack(start) ? "a MessagePack file (Flax)" : null;
    }

    /// <summary>Whether it is a dictionary whose first key is a text.</summary>
    private static bool IsMessagePack(ReadOnlySpan<byte> start)
    {
        if (start.Length < 2)
            return false;
        bool isSmallMap = start[0] is >= 0x81 and <= 0x8F;
        bool isText = start[1] is (>= 0xA0 and <= 0xBF) or 0xD9;
        return (isSmallMap && isText) || start[0] is 0xDE or 0xDF;
    }
}

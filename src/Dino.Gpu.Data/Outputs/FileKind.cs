using System.Text;
using System.Text.RegularExpressions;
using Dino.Gpu.Checkpoints;
using Dino.Gpu.Classification;
using Dino.Gpu.Data.Formats;
using Dino.Gpu.Files;
using Dino.Gpu.Imaging;

namespace Dino.Gpu.Data.Outputs;

/// <summary>
/// What a command writes. An existing file is replaced only if it is of the same kind, so that a mistyped name cannot
/// cost a picture or a document. Every command checks its outputs here before it works.
/// </summary>
/// <param name="name">For messages, such as "an HTML page".</param>
/// <param name="isKind">
/// Whether an existing file is of this kind. It may throw <see cref="DinoException"/> to say no.
/// </param>
internal sealed partial class FileKind(string name, Func<string, bool> isKind)
{
    /// <summary>The fixed part of the message.</summary>
    internal const string NotReplaced = "it would replace a file that is not";

    /// <summary>Bytes at the start of a file that tell its kind.</summary>
    private const int StartBytes = 4096;

    private static readonly byte[] PngStart = [0x89, .. "PNG\r\n\x1A\n"u8];
    private static readonly byte[] NpyStart = [0x93, .. "NUMPY"u8];

    /// <summary>A page of <c>--html</c>; other HTML may be somebody's work.</summary>
    public static FileKind Html { get; } = new("an HTML page of dino", path => HtmlStart().IsMatch(Text(path)));

    /// <summary>A page for <c>man</c>.</summary>
    public static FileKind Manual { get; } = new("a page for man", path => Text(path).StartsWith(".TH ", StringComparison.Ordinal));

    /// <summary>Any PNG picture.</summary>
    public static FileKind Png { get; } = new("a PNG picture", path => Start(path).AsSpan().StartsWith(PngStart));

    /// <summary>A PNG picture as this library writes it, whatever it shows: a photograph is none.</summary>
    public static FileKind OwnPng { get; } = new("a PNG picture of dino", path => IsOwnPng(Start(path)));

    /// <summary>Any NumPy array.</summary>
    public static FileKind Npy { get; } = new("a NumPy array", path => Start(path).AsSpan().StartsWith(NpyStart));

    /// <summary>A checkpoint in safetensors; not embeddings, nor a classifier.</summary>
    public static FileKind Weights { get; } = new(
        "a checkpoint in safetensors",
        path => SafetensorsHeader.IsAtStart(Start(path)) && CheckpointInfo.Read(path).Layout is not null);

    /// <summary>Any safetensors file.</summary>
    public static FileKind Safetensors { get; } = new("a safetensors file", path => SafetensorsHeader.IsAtStart(Start(path)));

    /// <summary>A checkpoint in any format, or the Git LFS pointer of one.</summary>
    public static FileKind Checkpoint { get; } = new("a checkpoint", CheckpointReader.IsCheckpoint);

    /// <summary>A linear classifier.</summary>
    public static FileKind Probe { get; } = new("a linear classifier", path => LinearProbe.Load(path).ClassNames.Count > 0);

    /// <summary>The table of <c>--predictions</c>.</summary>
    public static FileKind Predictions { get; } = new(
        "a table of predictions", path => Text(path).StartsWith("path,label,predicted,correct,score", StringComparison.Ordinal));

    /// <summary>The stage times of <c>--stats</c>.</summary>
    public static FileKind Statistics { get; } = new("a file of statistics", path => StatisticsStart().IsMatch(Text(path)));

    /// <summary>What made the vectors of a JSON Lines file, beside it.</summary>
    public static FileKind Provenance { get; } = new("a file of provenance", ProvenanceFile.IsOne);

    /// <summary>Embeddings in a format.</summary>
    public static FileKind Embeddings(EmbeddingFormat format) => new($"a {format.Name} file of embeddings", path =>
    {
        using EmbeddingFile file = FormatCatalog.OpenReader(path, format);
        return file.Schema.Length > 0;
    });

    /// <summary>A PNG picture of one size.</summary>
    public static FileKind PngOf(int width, int height) => new($"a PNG picture of dino of {width}x{height}", path =>
    {
        byte[] file = ImageFile.ReadBytes(path);
        var header = ImageHeader.Read(file);
        return IsOwnPng(file) && (header.Width, header.Height) == (width, height);
    });

    /// <summary>A NumPy array of one shape.</summary>
    public static FileKind NpyOf(params long[] shape) => new($"a NumPy array of {MessageText.Shape(shape)}", path =>
    {
        using var stream = new FileStream(RegularFile.Open(path), FileAccess.Read);
        return NpyHeader.Read(stream).Shape.AsSpan().SequenceEqual(shape);
    });

    /// <summary>The kind of a name with the extension .png, .npy or .safetensors.</summary>
    public static FileKind OfExtension(string path) => Path.GetExtension(path) switch
    {
        ".png" => OwnPng,
        ".npy" => Npy,
        _ => Safetensors,
    };

    /// <summary>
    /// Fails if a file of another kind exists, or one of a run. An empty file is no loss, and a link counts as the file
    /// behind it.
    /// </summary>
    /// <exception cref="DinoException">A file of another kind exists, or the name is that of a run's file.</exception>
    public void RequireReplaceable(string path)
    {
        RunNames.Refuse(path);
        string file = new RealPath().Of(path); // a link that leads nowhere exists, too
        if (File.Exists(file) && new FileInfo(file).Length > 0 && !Is(file))
            throw new DinoException($"cannot write {path}: {NotReplaced} {name}", "give another name, or delete the file");
    }

    /// <summary>Fails before the work starts if the file cannot or must not be written after it.</summary>
    /// <exception cref="DinoException">It cannot be written, or a file of another kind exists.</exception>
    public void EnsureWritable(string path)
    {
        RequireReplaceable(path);
        AtomicFile.EnsureWritable(path);
    }

    /// <summary>Whether an existing file is of this kind.</summary>
    public bool Is(string path)
    {
        try
        {
            return isKind(path);
        }
        catch (Exception failure) when (failure is DinoException or IOException or InvalidDataException or UnauthorizedAccessException)
        {
            return false;
        }
    }

    /// <summary>
    /// Whether Skia's encoder wrote a PNG of RGB: it notes that all 8 bits are significant, and nothing else.
    /// </summary>
    private static bool IsOwnPng(ReadOnlySpan<byte> file) =>
        file.Length > 56
        && file.StartsWith(PngStart)
        && file[24..29].SequenceEqual<byte>([8, 2, 0, 0, 0])
        && file[33..].StartsWith<byte>([0, 0, 0, 3, .. "sBIT"u8, 8, 8, 8])
        && file[52..].StartsWith("IDAT"u8);

    private static string Text(string path) => Encoding.Latin1.GetString(Start(path));

    private static byte[] Start(string path)
    {
        using var stream = new FileStream(RegularFile.Open(path), FileAccess.Read, bufferSize: 0);
        byte[] start = new byte[StartBytes];
        return start[..stream.ReadAtLeast(start, start.Length, throwOnEndOfStream: false)];
    }

    [GeneratedRegex("^<!DOCTYPE html>\n(<(html|head|meta)[^>]*>\n)+<title>dino [a-z-]+: ", RegexOptions.CultureInvariant)]
    private static partial Regex HtmlStart();

    [GeneratedRegex("""^\s*\{[^}]*"imagesPerSecond"\s*:""", RegexOptions.CultureInvariant)]
    private static partial Regex StatisticsStart();
}

using System.Globalization;
using System.Net;
using System.Text;
using Dino.Gpu.Data.Embedding;
using Dino.Gpu.Data.Imaging;
using Dino.Gpu.Data.Outputs;
using Dino.Gpu.Files;

namespace Dino.Gpu.Data.Pages;

/// <summary>
/// A page of thumbnails in one file that needs nothing else: pictures as data URIs, style inline, no scripts. Sections
/// are written as they come; the file appears when it is complete.
/// </summary>
internal sealed class PicturePage : IDisposable
{
    private readonly AtomicFile _file;
    private readonly Thumbnails _thumbnails;
    private readonly int _threads;

    /// <param name="path">The file.</param>
    /// <param name="options">Decoder, EXIF orientation and threads.</param>
    /// <param name="maxPixels">The decoder's limit of pixels per picture.</param>
    /// <exception cref="DinoException">It cannot be written, or JPEG cannot be encoded here.</exception>
    public PicturePage(string path, DinoOptions options, long maxPixels)
    {
        PngFile.RequireEncoder("omit --html");
        FileKind.Html.EnsureWritable(path); // also clears what a killed process left of it
        _file = new AtomicFile(path);
        _thumbnails = new Thumbnails(options.Decoder!, options.Orientation, maxPixels);
        _threads = options.Threads ?? Environment.ProcessorCount;
    }

    /// <summary>Opens a page if a file is named; null if none is.</summary>
    /// <inheritdoc cref="PicturePage(string, DinoOptions, long)"/>
    public static PicturePage? Open(string? path, DinoOptions options, long maxPixels) =>
        path is null ? null : new PicturePage(path, options, maxPixels);

    /// <summary>Writes the head of the page.</summary>
    public void Begin(string title, string subtitle) => Write($"""
        <!DOCTYPE html>
        <html lang="en">
        <head>
        <meta charset="utf-8">
        <meta name="viewport" content="width=device-width, initial-scale=1">
        <meta http-equiv="Content-Security-Policy" content="default-src 'none'; img-src data:; style-src 'unsafe-inline'">
        <title>{Encode(title)}: {Encode(subtitle)}</title>
        <style>
        {PageStyle.Css}
        </style>
        </head>
        <body>
        <header><h1>{Encode(title)}</h1><p><bdi>{Encode(subtitle)}</bdi></p></header>
        <main>

        """);

    /// <summary>Writes a section: a picture, and those that are like it.</summary>
    public void Add(PageCard lead, IReadOnlyList<PageCard> cards, CancellationToken cancellation)
    {
        PageCard[] all = [lead, .. cards];
        string[] html = new string[all.Length];
        SideBySide.ForAll(all.Length, _threads, i =>
        {
            cancellation.ThrowIfCancellationRequested();
            html[i] = Card(all[i]);
        });
        var section = new StringBuilder();
        section.Append(CultureInfo.InvariantCulture, $"<section>\n<div class=\"lead\">{html[0]}</div>\n<ol>\n");
        foreach (string card in html.Skip(1))
            section.Append(CultureInfo.InvariantCulture, $"<li>{card}</li>\n");
        section.Append("</ol>\n");
        if (cards.Count == 0)
            section.Append("<p class=\"none\">nothing found</p>\n");
        section.Append("</section>\n");
        Write(section.ToString());
    }

    /// <summary>Ends the page and puts the file in place.</summary>
    /// <exception cref="DinoException">It cannot be written.</exception>
    public void Complete()
    {
        Write("</main>\n</body>\n</html>\n");
        _file.Complete();
    }

    public void Dispose() => _file.Dispose();

    private string Card(PageCard card)
    {
        string name = RowName.Of(card.Image);
        string label = Encode(name);
        string picture = _thumbnails.Make(card.Image) is { } uri
            ? $"<img src=\"{uri}\" alt=\"{label}\" title=\"{label}\">"
            : $"<div class=\"missing\" role=\"img\" aria-label=\"{label}: no picture\" title=\"{label}\">no picture</div>";
        string score = card.Score is { } value ? Score(value) : "";
        string badge = card.Badge.Length > 0 ? $"<b>{Encode(card.Badge)}</b>" : "";
        string size = card.Image is { Width: { } width, Height: { } height } ? $"<small>{width}&times;{height}</small>" : "";

        // The end of a path says most, so the folder has a line of its own, in a quieter color.
        int slash = name.LastIndexOfAny(['/', '\\']) + 1;
        string folder = slash > 0 ? $"<small class=\"folder\"><bdi>{Encode(name[..slash])}</bdi></small>" : "";
        string caption = $"<span class=\"row\">{badge}{score}</span>{folder}<bdi class=\"name\">{Encode(name[slash..])}</bdi>{size}";
        return $"<figure>{picture}<figcaption>{caption}</figcaption></figure>";
    }

    private static string Score(double cosine)
    {
        string number = string.Create(CultureInfo.InvariantCulture, $"<span class=\"score\">{cosine:F4}</span>");
        double width = Math.Clamp(cosine, 0, 1) * 100;
        return number + string.Create(CultureInfo.InvariantCulture, $"<span class=\"bar\"><i style=\"width:{width:F1}%\"></i></span>");
    }

    private void Write(string text) => _file.Write(Encoding.UTF8.GetBytes(text.ReplaceLineEndings("\n")));

    private static string Encode(string text) => WebUtility.HtmlEncode(text);
}

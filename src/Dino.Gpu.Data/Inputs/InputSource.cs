using Dino.Gpu.Data.Rows;

namespace Dino.Gpu.Data.Inputs;

/// <summary>What one argument names.</summary>
/// <param name="Rows">Its rows, with values for <paramref name="Columns"/>, read as they are asked for.</param>
/// <param name="Columns">The columns that it carries.</param>
/// <param name="Nothing">The message for when there are no rows.</param>
internal sealed record InputSource(Func<IEnumerable<InputItem>> Rows, IReadOnlyList<CarriedColumn> Columns, string Nothing)
{
    private static readonly string[] CompressedArchives = [".tar.gz", ".tgz", ".tar.bz2", ".tar.xz", ".tar.zst"];

    /// <summary>Whether it is a file with a column of paths.</summary>
    public bool IsManifest { get; private init; }

    /// <summary>What the user may have meant where there are no rows; null where that is not known.</summary>
    public Func<string?> Hint { get; private init; } = () => null;

    /// <summary>The folder that its rows are found in; null where it names them itself.</summary>
    public string? Folder { get; private init; }

    /// <summary>What the user is told about its columns; null where there is nothing to tell.</summary>
    public string? ColumnNote { get; private init; }

    /// <summary>What the user is told once its rows are read; null where there is nothing to tell.</summary>
    public Func<string?> Note { get; private init; } = () => null;

    /// <summary>The sources of one argument: one, or each of the manifests or archives that a glob finds.</summary>
    /// <exception cref="DinoException">It cannot be read.</exception>
    public static IReadOnlyList<InputSource> Of(string input, TextReader standardInput, string? pathColumn)
    {
        if (input == "-")
            return [Lines(standardInput)];
        if (File.Exists(input))
            return [OfFile(input, pathColumn)];
        if (Directory.Exists(input))
            return [OfFolder(input)];
        if (input.StartsWith('@') && input.Length > 1)
            return [List(input[1..])];
        UrlInput.Refuse(input);
        if (GlobPattern.IsPattern(input))
            return Matching(input, standardInput, pathColumn);
        MissingInput.Refuse(input);
        return [OfFile(input, pathColumn)]; // a pipe, a link that leads nowhere: a row that says so, at its place
    }

    /// <summary>Only a pattern that says so itself finds lists and archives: <c>*.*</c> in a folder of pictures does
    /// not read labels.csv.</summary>
    private static IReadOnlyList<InputSource> Matching(string input, TextReader standardInput, string? pathColumn)
    {
        IReadOnlyList<string> patterns = GlobPattern.Alternatives(input);
        if (!patterns.Any(pattern => GlobPattern.HasWildcard(pattern)))
            return [.. patterns.SelectMany(name => Of(name, standardInput, pathColumn))]; // names, as a shell makes them
        if (!NamesLists(patterns))
            return [Found(() => GlobPattern.Matches(patterns), $"no image matches '{input}'") with { Hint = () => HintOf(patterns) }];
        List<InputSource> files = [.. GlobPattern.Matches(patterns).Select(file => file.Problem is null
            ? OfFile(file.Path, pathColumn) : throw new DinoException($"{file.Path}: {file.Problem}"))];
        return files.Count > 0 ? files : throw new DinoException($"no file matches '{input}'", HintOf(patterns));
    }

    private static string? HintOf(IReadOnlyList<string> patterns) =>
        patterns.Select(pattern => MissingInput.FolderHint(GlobPattern.Start(pattern))).FirstOrDefault(hint => hint is not null)
            ?? (GlobPattern.InOtherCase(patterns) is { } path ? $"letter case counts: {path} is there" : null);

    /// <summary>Whether patterns name lists or archives by their extension.</summary>
    public static bool NamesLists(IEnumerable<string> patterns) =>
        patterns.Any(pattern => Manifest.IsManifest(pattern) || TarImages.IsTar(pattern));

    /// <summary>A line, or what ends in a NUL, is one file and one row, never a folder or a pattern, so that rows can
    /// be joined to the list by number.</summary>
    public static InputSource Lines(TextReader standardInput) => new(() => ReadLines(standardInput), [], "no paths on standard input");

    private static InputSource OfFile(string file, string? pathColumn)
    {
        if (Manifest.IsManifest(file))
        {
            Manifest manifest = Manifest.Open(file, pathColumn);
            var paths = new ListPaths(file);
            return new InputSource(
                () => paths.Resolve(manifest.Rows()),
                manifest.Columns,
                $"no rows in '{file}'")
            {
                IsManifest = true,
                ColumnNote = manifest.Note,
                Note = () => paths.Note,
            };
        }

        if (TarImages.IsTar(file))
            return new InputSource(() => TarImages.Read(file), [TarImages.ArchiveColumn], NoImages($"no images in archive '{file}'"));
        if (Array.Exists(CompressedArchives, ending => file.EndsWith(ending, StringComparison.OrdinalIgnoreCase)))
            throw new DinoException(
                $"cannot read '{file}': images in a compressed archive cannot be found again by their place; unpack it, at least to a "
                    + $".tar");
        return new InputSource(() => [InputItem.File(file)], [], "");
    }

    private static InputSource OfFolder(string folder)
    {
        FolderWalk walk = FolderWalk.OfImages();
        string start = Path.EndsInDirectorySeparator(folder) ? folder : folder + Path.DirectorySeparatorChar;
        return Found(() => walk.Files(start), $"no images in folder '{folder}'") with
        {
            Note = () => walk.LeftOut(folder),
            Folder = Path.TrimEndingDirectorySeparator(folder),
        };
    }

    private static InputSource Found(Func<IEnumerable<InputItem>> files, string nothing) => new(files, [], NoImages(nothing));

    private static InputSource List(string list)
    {
        UrlInput.Refuse(list);
        MissingInput.RefuseList(list);
        if (Directory.Exists(list))
        {
            throw new DinoException(
                $"cannot read list '{list}': it is a directory, expected a file with one path a line",
                $"leave out the @ to read its images: {list}");
        }

        var paths = new ListPaths(list);
        return new(() => paths.Resolve(ReadList(list)), [], $"no paths in list '{list}'") { Note = () => paths.Note };
    }

    private static IEnumerable<InputItem> ReadList(string list)
    {
        using StreamReader reader = Reading(list, () => OpenList(list));
        var names = new NameReader(reader);
        bool isFirst = true;
        while (Reading(list, names.Next) is { } name)
        {
            if (isFirst && Manifest.IsTable(list, name))
                throw NoList(list, "a table");
            isFirst = false;
            yield return Row(name);
        }
    }

    /// <summary>A list that is packed is unpacked, and a picture or an archive is told from a list.</summary>
    private static StreamReader OpenList(string list)
    {
        var file = new FileStream(list, FileMode.Open, FileAccess.Read);
        if (!file.CanSeek)
            return new StreamReader(file); // a pipe
        try
        {
            Span<byte> start = stackalloc byte[BinaryInput.StartLength];
            Span<byte> first = Start(file, start);
            if (first.Length > 0 && file.Length == 0) // a device without an end, such as /dev/zero
                throw new DinoException($"cannot read list '{list}': not a regular file");
            bool isPacked = first.StartsWith<byte>([0x1F, 0x8B]);
            if (isPacked)
            {
                file.Position = 0;
                using var unpacked = new GzipInput(file, leaveOpen: true);
                start = Start(unpacked, start);
            }
            else
            {
                file.Position = 0;
                start = Start(file, start);
            }

            file.Position = 0;
            if (BinaryInput.Describe(start) is { } kind)
                throw NoList(list, isPacked ? $"{kind}, packed" : kind);
            return new StreamReader(isPacked ? new GzipInput(file) : file);
        }
        catch
        {
            file.Dispose();
            throw;
        }
    }

    private static Span<byte> Start(Stream stream, Span<byte> bytes) =>
        bytes[..stream.ReadAtLeast(bytes, bytes.Length, throwOnEndOfStream: false)];

    private static DinoException NoList(string list, string kind) => new(
        $"cannot read list '{list}': it is {kind}, expected a file with one path a line",
        $"leave out the @ to embed what is in it: {list}");

    private static IEnumerable<InputItem> ReadLines(TextReader reader)
    {
        var names = new NameReader(reader);
        int place = 0;
        while (names.Next() is { } name)
        {
            string? kind = place == 0 ? BinaryInput.DescribeText(names.First, names.EndInNul)
                : place == 1 && name.Length == 0 && names.EndInNul ? "an archive or other binary data" // no empty names end in NUL
                : null;
            if (kind is not null)
            {
                throw new DinoException(
                    $"standard input is {kind}, expected paths, one a line", "save it to a file, and give the name of that");
            }

            place++;
            yield return Row(name);
        }
    }

    /// <summary>An empty line is a row too, or those behind it would move.</summary>
    private static InputItem Row(string name) =>
        name.Length > 0 ? InputItem.File(name) : InputItem.File(name) with { Problem = "empty line" };

    private static T Reading<T>(string list, Func<T> read)
    {
        try
        {
            return read();
        }
        catch (Exception failure) when (failure is IOException or InvalidDataException or UnauthorizedAccessException)
        {
            throw new DinoException($"cannot read list '{list}': {failure.Message}", failure);
        }
    }

    private static string NoImages(string nothing) => $"{nothing} (looked for .jpg .jpeg .png .bmp .gif .webp and their like)";
}

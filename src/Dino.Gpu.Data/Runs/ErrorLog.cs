using System.Text;
using System.Text.Encodings.Web;
using System.Text.Json;
using Dino.Gpu.Data.Outputs;
using Dino.Gpu.Data.Rows;
using Dino.Gpu.Files;

namespace Dino.Gpu.Data.Runs;

/// <summary>
/// Lists the images that could not be read, one JSON object a line:
/// <c>{"row":17,"path":"a.jpg","error":"truncated JPEG"}</c>. Each line is handed to the system before the run
/// continues.
/// </summary>
internal sealed class ErrorLog : IDisposable
{
    private const string LineStart = "{\"row\":";

    private static readonly JsonWriterOptions Options = new() { Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping };

    private readonly string _path;
    private readonly FileStream _file;

    /// <summary>Starts a log. It may be a device or a pipe.</summary>
    /// <exception cref="DinoException">It cannot be written.</exception>
    public ErrorLog(string path)
    {
        _path = path;
        try
        {
            Unlink(path);
            _file = new FileStream(path, FileMode.Create, FileAccess.Write, FileShare.Read);
        }
        catch (Exception failure) when (failure is IOException or UnauthorizedAccessException)
        {
            throw Failed(failure);
        }
    }

    /// <summary>
    /// Opens the log of a run's folder. Keeps its lines of rows before <paramref name="firstRow"/>, since later rows
    /// are done again.
    /// </summary>
    /// <exception cref="DinoException">It cannot be written, or is a link.</exception>
    public ErrorLog(string path, long firstRow)
    {
        _path = path;
        FileStream? file = null;
        try
        {
            _file = file = OwnFile.Open(path, bufferSize: 1 << 12);
            long kept = 0;
            using (var reader = new StreamReader(_file, leaveOpen: true))
            {
                while (reader.ReadLine() is { } line)
                {
                    long? row = RowOf(line);
                    if (row is null || row >= firstRow)
                        break;
                    long end = kept + Encoding.UTF8.GetByteCount(line) + 1;
                    if (end > _file.Length)
                        break; // no line end: the disk was full
                    kept = end;
                    Count++;
                }
            }

            _file.SetLength(kept);
            _file.Position = kept;
        }
        catch (Exception failure) when (failure is IOException or UnauthorizedAccessException)
        {
            file?.Dispose();
            throw Failed(failure);
        }
    }

    /// <summary>Lines in the file.</summary>
    public long Count { get; private set; }

    /// <summary>
    /// Fails before the work starts if the log could not be written after it. Leaves a log that is there as it is.
    /// </summary>
    /// <exception cref="DinoException">It cannot be written, or is something else.</exception>
    public static void EnsureWritable(string path)
    {
        RunNames.Refuse(path);
        if (IsOther(path))
            throw new DinoException($"cannot write {path}: it is no log of failed images, and would be lost", "give another name");
        if (RegularFile.IsSpecial(path))
            return; // a device or a pipe: opening it would end it for its reader
        string file = OutputPath.Resolve(path);
        bool isNew = !File.Exists(file);
        try
        {
            new FileStream(file, FileMode.Append, FileAccess.Write, FileShare.ReadWrite).Dispose();
            if (isNew)
                File.Delete(file);
        }
        catch (Exception failure) when (failure is IOException or UnauthorizedAccessException)
        {
            throw WriteFailure.OfNew(path, failure);
        }
    }

    /// <summary>Writes lines of other logs into one.</summary>
    /// <exception cref="DinoException">One cannot be read, or the copy not be written.</exception>
    public static void Copy(IEnumerable<RowInfo> lines, string copy)
    {
        using var log = new ErrorLog(copy);
        foreach (RowInfo failed in lines)
            log.Add(failed);
    }

    /// <summary>Whether a file exists and is no such log.</summary>
    public static bool IsOther(string path)
    {
        if (!File.Exists(path) || !RegularFile.CanOpen(path))
            return false;
        using StreamReader reader = OpenText(path);
        return NextLine(reader, path) is { } line && Parse(line) is null && !(IsBegun(line) && NextLine(reader, path) is null);
    }

    /// <summary>Reads the lines of a finished log one by one: row, path and error.</summary>
    /// <exception cref="DinoException">It does not exist, or a line is not what <see cref="Add"/> writes.</exception>
    public static IEnumerable<RowInfo> Read(string path)
    {
        using StreamReader reader = OpenText(path);
        for (long number = 1; NextLine(reader, path) is { } line; number++)
            yield return Parse(line) ?? throw new DinoException($"cannot read {path}: line {number} is not that of a failed image");
    }

    /// <summary>
    /// Joins the lines of two logs in the order of the rows, one line a row. A log ends where the end of a process cut
    /// it off; one that does not exist has no lines.
    /// </summary>
    /// <exception cref="DinoException">One cannot be read.</exception>
    public static IEnumerable<RowInfo> Union(string one, string other)
    {
        using IEnumerator<RowInfo> first = Good(one).GetEnumerator();
        using IEnumerator<RowInfo> second = Good(other).GetEnumerator();
        bool hasFirst = first.MoveNext(), hasSecond = second.MoveNext();
        while (hasFirst || hasSecond)
        {
            RowInfo next = hasFirst && (!hasSecond || first.Current.Row <= second.Current.Row) ? first.Current : second.Current;
            yield return next;
            while (hasFirst && first.Current.Row <= next.Row)
                hasFirst = first.MoveNext();
            while (hasSecond && second.Current.Row <= next.Row)
                hasSecond = second.MoveNext();
        }
    }

    /// <summary>A line, with its end.</summary>
    public static byte[] Line(RowInfo info)
    {
        using var line = new MemoryStream();
        using (var json = new Utf8JsonWriter(line, Options))
        {
            json.WriteStartObject();
            json.WriteNumber("row", info.Row);
            json.WriteString("path", info.Path);
            json.WriteString("error", info.Error);
            json.WriteEndObject();
        }

        line.WriteByte((byte)'\n');
        return line.ToArray();
    }

    /// <exception cref="DinoException">The disk is full or gone.</exception>
    public void Add(RowInfo info)
    {
        try
        {
            _file.Write(Line(info));
            _file.Flush();
        }
        catch (IOException failure)
        {
            throw Failed(failure);
        }

        Count++;
    }

    /// <summary>Waits until the lines are on the disk.</summary>
    /// <exception cref="DinoException">The disk is full or gone.</exception>
    public void FlushToDisk()
    {
        try
        {
            DiskFlush.Run(_file);
        }
        catch (IOException failure)
        {
            throw Failed(failure);
        }
    }

    public void Dispose()
    {
        try
        {
            _file.Dispose();
        }
        catch (IOException)
        {
            // The full disk does not take the rest of a line. Add has reported that.
        }
    }

    /// <summary>
    /// Deletes a log that is there, so that another name of the same file keeps its bytes: a backup of hard links, or
    /// the list that is read. A link stays a link.
    /// </summary>
    private static void Unlink(string path)
    {
        try
        {
            if (File.Exists(path) && !RegularFile.IsSpecial(path))
                File.Delete(new RealPath().Of(path));
        }
        catch (Exception failure) when (failure is IOException or UnauthorizedAccessException)
        {
            // a folder that may not be changed: the log itself may be written nevertheless
        }
    }

    private static IEnumerable<RowInfo> Good(string path)
    {
        if (!File.Exists(path))
            yield break;
        using StreamReader reader = OpenText(path);
        while (NextLine(reader, path) is { } line && Parse(line) is { } failed)
            yield return failed;
    }

    private static StreamReader OpenText(string path)
    {
        try
        {
            return new StreamReader(new FileStream(RegularFile.Open(path), FileAccess.Read));
        }
        catch (Exception failure) when (failure is DinoException or IOException or UnauthorizedAccessException)
        {
            throw new DinoException($"cannot read {path}: {failure.Message.ReplaceLineEndings(" ")}", failure);
        }
    }

    private static string? NextLine(StreamReader reader, string path)
    {
        try
        {
            return reader.ReadLine();
        }
        catch (IOException failure)
        {
            throw new DinoException($"cannot read {path}: {failure.Message.ReplaceLineEndings(" ")}", failure);
        }
    }

    /// <summary>Whether this can be the beginning of a line. A full disk may have cut it anywhere.</summary>
    private static bool IsBegun(string line) =>
        line.AsSpan(0, Math.Min(line.Length, LineStart.Length)).SequenceEqual(LineStart.AsSpan(0, Math.Min(line.Length, LineStart.Length)));

    private static long? RowOf(string line) => Parse(line)?.Row;

    /// <summary>Null for a line that the end of a process cut off.</summary>
    private static RowInfo? Parse(string line)
    {
        try
        {
            using JsonDocument json = JsonDocument.Parse(line);
            JsonElement root = json.RootElement;
            return new RowInfo
            {
                Row = root.GetProperty("row").GetInt64(),
                Path = root.GetProperty("path").GetString()!,
                Error = root.GetProperty("error").GetString()!
            };
        }
        catch (Exception failure) when (failure is JsonException or KeyNotFoundException or InvalidOperationException or FormatException)
        {
            return null;
        }
    }

    private DinoException Failed(Exception failure) => WriteFailure.Of(_path, failure);
}

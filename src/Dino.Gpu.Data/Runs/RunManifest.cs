using System.Security.Cryptography;
using Dino.Gpu.Data.Formats;
using Dino.Gpu.Data.Inputs;
using Dino.Gpu.Data.Rows;
using Dino.Gpu.Files;

namespace Dino.Gpu.Data.Runs;

/// <summary>
/// The <c>manifest.jsonl</c> of a run: the rows of its list, each with the size and time of its file. They tell, when
/// the run resumes, that a picture was replaced whose row is done already.
/// </summary>
/// <param name="folder">Of the run.</param>
/// <param name="record">Its rows.</param>
/// <param name="columns">Columns of every row.</param>
/// <param name="items">The inputs from one row to another of the whole list.</param>
internal sealed class RunManifest(
    RunFolder folder, RunRecord record, IReadOnlyList<CarriedColumn> columns, Func<long, long, IEnumerable<InputItem>> items)
{
    /// <summary>Rows that are done and whose pictures are others now.</summary>
    public long ChangedDone { get; private set; }

    /// <summary>Rows still to come whose pictures are others than when the run began.</summary>
    public long ChangedToDo { get; private set; }

    /// <summary>The first of the changed pictures and how it changed, for messages.</summary>
    public string Example { get; private set; } = "";

    /// <summary>Writes the rows with their files as they are now.</summary>
    /// <exception cref="DinoException">It cannot be written.</exception>
    public void Write()
    {
        using var writer = new InputListWriter(columns, folder.Manifest);
        foreach (InputItem item in items(record.FirstRow, record.LastRow))
            writer.Add(item with { State = FileState.Of(item) });
        writer.Complete(folder.Manifest).Dispose();
    }

    /// <summary>
    /// Looks for pictures that were replaced, and brings the files of rows still to come up to date.
    /// </summary>
    /// <param name="missing">The rows still to come, in order.</param>
    /// <exception cref="DinoException">The manifest cannot be read or written.</exception>
    public void Update(IReadOnlyList<(long First, long Last)> missing)
    {
        if (!IsThere())
        {
            Write();
            return;
        }

        InputListWriter? writer = null;
        try
        {
            using (var earlier = InputList.Open(folder.Manifest))
            {
                if (Pairs(earlier, missing).Count(pair => pair.Before.State != pair.Now.State) == 0)
                    return;
                writer = new InputListWriter(columns, folder.Manifest);
                foreach ((_, InputItem now) in Pairs(earlier, missing))
                    writer.Add(now);
            }

            writer.Complete(folder.Manifest).Dispose(); // the earlier one is closed: an open file keeps its name on Windows
        }
        finally
        {
            writer?.Dispose();
        }
    }

    /// <summary>SHA-256 of the list that manifests make one after the other, as a record has it.</summary>
    /// <exception cref="DinoException">A manifest cannot be read.</exception>
    public static string Sha256(IEnumerable<string> manifests, CancellationToken cancellation)
    {
        using var hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        bool isFirst = true;
        foreach (string manifest in manifests)
        {
            (ReadAt read, Stream file) = InputList.OpenFile(manifest);
            using (file)
            {
                var lines = new ByteLines(read);
                while (lines.Next())
                {
                    cancellation.ThrowIfCancellationRequested();
                    if (lines.Number == 1 && !isFirst)
                        continue;
                    hash.AppendData(InputRowJson.WithoutState(lines.Line.Span, out ReadOnlySpan<byte> end));
                    hash.AppendData(end);
                    hash.AppendData(lines.IsEnded ? "\n"u8 : []);
                }
            }

            isFirst = false;
        }

        return Convert.ToHexStringLower(hash.GetHashAndReset());
    }

    /// <summary>Whether there is a manifest with the rows of this list; a damaged one is written again.</summary>
    private bool IsThere()
    {
        if (!File.Exists(folder.Manifest))
            return false;
        try
        {
            using var earlier = InputList.Open(folder.Manifest);
            return earlier.Count == record.LastRow - record.FirstRow;
        }
        catch (DinoException)
        {
            return false;
        }
    }

    /// <summary>The rows as the manifest has them and as it should.</summary>
    private IEnumerable<(InputItem Before, InputItem Now)> Pairs(InputList earlier, IReadOnlyList<(long First, long Last)> missing)
    {
        (ChangedDone, ChangedToDo, Example) = (0, 0, "");
        using IEnumerator<RowInfo> errors = ErrorLog.Union(folder.Errors, folder.ErrorsBehind).GetEnumerator();
        bool hasError = errors.MoveNext();
        int range = 0;
        long row = record.FirstRow;
        foreach ((InputItem before, InputItem item) in earlier.Items().Zip(items(record.FirstRow, record.LastRow)))
        {
            while (range < missing.Count && missing[range].Last <= row)
                range++;
            while (hasError && errors.Current.Row < row)
                hasError = errors.MoveNext();
            bool isToDo = range < missing.Count && missing[range].First <= row;
            bool hasFailed = hasError && errors.Current.Row == row;
            FileState? state = FileState.Of(item);
            // A picture that is gone does not matter once its row is done, and one that failed may have been mended.
            bool isChanged = before.State is { } then && state is { } now && then != now && (isToDo || !hasFailed);
            if (isChanged)
                Count(item, before.State!.Value, state!.Value, isToDo);
            yield return (before, item with { State = isToDo ? state : before.State });
            row++;
        }
    }

    private void Count(InputItem item, FileState then, FileState now, bool isToDo)
    {
        if ((isToDo ? ChangedToDo : ChangedDone) == 0 && (Example.Length == 0 || !isToDo))
        {
            Example = MessageText.Visible(MessageText.Quote(item.Archive ?? item.Path)) + (then.Size != now.Size
                ? $": {then.Size} bytes before, {now.Size} now"
                : $": of {then.Written:yyyy-MM-dd HH:mm:ss}Z before, of {now.Written:yyyy-MM-dd HH:mm:ss}Z now");
        }

        if (isToDo)
            ChangedToDo++;
        else
            ChangedDone++;
    }
}

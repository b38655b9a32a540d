using Dino.Gpu.Data.Formats;
using Dino.Gpu.Files;
using Microsoft.Win32.SafeHandles;

namespace Dino.Gpu.Data.Vectors;

/// <summary>The file of an index, open for writing. While it is open no other process can write.</summary>
internal sealed class IndexSession : IDisposable
{
    /// <summary>The fixed part of a message.</summary>
    internal const string InUse = "is in use by another writer";

    /// <inheritdoc cref="InUse"/>
    internal const string Changed = "has changed since it was opened";

    private readonly string _path;
    private readonly FileStream _file;
    private readonly IndexAppender _appender;

    private IndexSession(string path, FileStream file, IndexAppender appender)
    {
        _path = path;
        _file = file;
        _appender = appender;
    }

    /// <summary>Opens the file and locks it.</summary>
    /// <param name="path">The file.</param>
    /// <param name="read">The same file, open for reading.</param>
    /// <param name="contents">What was read of it.</param>
    /// <exception cref="DinoException">
    /// It cannot be written, another process writes to it, or one has written since it was read.
    /// </exception>
    public static IndexSession Open(string path, SafeFileHandle read, IndexContents contents)
    {
        FileStream? file = null;
        try
        {
            // Elsewhere than on Windows readers take no lock, and an exclusive one keeps only writers out.
            file = new FileStream(
                path, FileMode.Open, FileAccess.ReadWrite, OperatingSystem.IsWindows() ? FileShare.Read : FileShare.None, bufferSize: 0);
            bool isSame = FileIdentity.Of(file.SafeFileHandle) == FileIdentity.Of(read)
                && IndexCommit.Read(file.SafeFileHandle) == contents.Commit;
            if (!isSame)
                throw new DinoException($"{path} {Changed}", "open it again");
            return new IndexSession(path, file, new IndexAppender(file, contents.Header, contents.Commit.Length));
        }
        catch (Exception failure)
        {
            file?.Dispose();
            throw failure switch
            {
                IOException when file is null && File.Exists(path) =>
                    new DinoException($"{path} {InUse}", "wait until it is done", failure),
                IOException or UnauthorizedAccessException => WriteFailure.Of(path, failure),
                InvalidDataException => EmbeddingFile.Broken(path, failure),
                _ => failure,
            };
        }
    }

    /// <summary>Writes rows behind those that count.</summary>
    /// <exception cref="DinoException">The disk is full or gone.</exception>
    public IndexSegment Append(MemoryRows rows)
    {
        try
        {
            return _appender.Append(rows.Written.Rows.Span, rows.Written.Values.Span);
        }
        catch (IOException failure)
        {
            throw WriteFailure.Of(_path, failure);
        }
    }

    /// <summary>Makes everything so far count.</summary>
    /// <param name="last">The commit that counts now.</param>
    /// <param name="rows">Rows, removed ones among them.</param>
    /// <param name="removed">Rows that were removed since.</param>
    /// <returns>The commit that counts from now on.</returns>
    /// <exception cref="DinoException">The disk is full or gone.</exception>
    public IndexCommit Commit(IndexCommit last, int rows, ReadOnlySpan<int> removed)
    {
        try
        {
            if (removed.Length > 0)
                _appender.AppendRemoval(removed);
            DiskFlush.Run(_file);
            var commit = new IndexCommit(last.Sequence + 1, _appender.End, rows, last.Removed + removed.Length);
            _appender.Write(commit);
            DiskFlush.Run(_file);
            return commit;
        }
        catch (IOException failure)
        {
            throw WriteFailure.Of(_path, failure);
        }
    }

    public void Dispose() => _file.Dispose();
}

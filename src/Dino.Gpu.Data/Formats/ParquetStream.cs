using System.Runtime.ExceptionServices;
using Dino.Gpu.Files;
using ParquetSharp;

namespace Dino.Gpu.Data.Formats;

/// <summary>
/// The stream that ParquetSharp's native library reads or writes through. The library turns every failure into a text
/// of its own. This keeps the failure of the stream, so that a full disk is reported as one. The stream below belongs
/// to the caller.
/// </summary>
internal sealed class ParquetStream(Stream stream) : Stream
{
    private const string MessageStart = "(message: '";

    private Exception? _failure;
    private bool _isAbandoned;

    public override bool CanRead => stream.CanRead;

    public override bool CanSeek => stream.CanSeek;

    public override bool CanWrite => stream.CanWrite;

    public override long Length => stream.Length;

    public override long Position
    {
        get => _isAbandoned ? 0 : stream.Position;
        set => stream.Position = value;
    }

    /// <summary>Calls the library.</summary>
    /// <exception cref="IOException">The stream failed meanwhile.</exception>
    /// <exception cref="InvalidDataException">The library refused the file.</exception>
    /// <exception cref="DinoException">The native library does not load on this machine.</exception>
    public T Call<T>(Func<T> call)
    {
        try
        {
            return call();
        }
        catch (ParquetException) when (_failure is not null)
        {
            ExceptionDispatchInfo.Throw(_failure);
            throw;
        }
        catch (ParquetException failure)
        {
            throw new InvalidDataException($"no Parquet file, or a damaged one ({Reason(failure.Message)})", failure);
        }
        catch (Exception failure) when (failure is DllNotFoundException or TypeInitializationException)
        {
            throw new DinoException(
                $"the native library for Parquet does not load: {MessageText.OneLine((failure.InnerException ?? failure).Message)}",
                "use .npz, .jsonl or .csv instead of .parquet",
                failure);
        }
    }

    /// <inheritdoc cref="Call{T}"/>
    public void Call(Action call) => Call(() =>
    {
        call();
        return true;
    });

    /// <summary>
    /// Ignores all further writes. The library writes a footer when a writer is disposed, even if its file is given up.
    /// </summary>
    public void Abandon() => _isAbandoned = true;

    public override void Flush()
    {
        if (!_isAbandoned)
            Keep(stream.Flush);
    }

    public override int Read(Span<byte> buffer)
    {
        try
        {
            return stream.Read(buffer);
        }
        catch (IOException failure)
        {
            _failure = failure;
            throw;
        }
    }

    public override int Read(byte[] buffer, int offset, int count) => Read(buffer.AsSpan(offset, count));

    public override void Write(ReadOnlySpan<byte> buffer)
    {
        if (_isAbandoned)
            return;
        try
        {
            stream.Write(buffer);
        }
        catch (IOException failure)
        {
            _failure = failure;
            throw;
        }
    }

    public override void Write(byte[] buffer, int offset, int count) => Write(buffer.AsSpan(offset, count));

    public override long Seek(long offset, SeekOrigin origin) => stream.Seek(offset, origin);

    public override void SetLength(long value) => stream.SetLength(value);

    private void Keep(Action access)
    {
        try
        {
            access();
        }
        catch (IOException failure)
        {
            _failure = failure;
            throw;
        }
    }

    /// <summary>
    /// The text between the quotes of "N7parquet16ParquetExceptionE (message: 'Invalid ...')", up to its first line
    /// end.
    /// </summary>
    private static string Reason(string message)
    {
        const int Longest = 160;
        int start = message.IndexOf(MessageStart, StringComparison.Ordinal);
        string reason = (start < 0 ? message : message[(start + MessageStart.Length)..]).Split('\n')[0].TrimEnd('\'', ')', ' ', '.');
        return MessageText.OneLine(reason.Length > Longest ? reason[..Longest] + "..." : reason);
    }
}

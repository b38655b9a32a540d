using System.Runtime.InteropServices;
using Dino.Gpu.Files;

namespace Dino.Gpu.Data.Inputs;

/// <summary>
/// Names in the byte order of paths, as many as there are: runs of them are sorted in memory and laid down in a
/// temporary file, and merged as they are asked for. A folder of a
/// million files takes no more memory than one of ten thousand. Whoever makes it disposes it.
/// </summary>
internal sealed class SortedNames : IDisposable
{
    /// <summary>Names of a run: half a megabyte of them.</summary>
    public const int RunLength = 1 << 13;

    /// <summary>Bytes that are read ahead of each run.</summary>
    private const int BufferLength = 1 << 12;

    private readonly List<(string Name, ulong Tag)> _names = [];
    private readonly List<(long Start, long End)> _runs = [];
    private FileStream? _file; // runs, each name as its tag, its length and its UTF-16

    /// <exception cref="DinoException">The temporary file cannot be written.</exception>
    public void Add(string name, ulong tag)
    {
        _names.Add((name, tag));
        if (_names.Count == RunLength)
            Spill();
    }

    /// <summary>All names in order; nothing can be added after this.</summary>
    /// <exception cref="DinoException">The temporary file cannot be read or written.</exception>
    public IEnumerator<(string Name, ulong Tag)> GetEnumerator()
    {
        if (_file is null)
        {
            Sort();
            foreach ((string Name, ulong Tag) name in _names)
                yield return name;
            yield break;
        }

        if (_names.Count > 0)
            Spill();
        _names.TrimExcess();
        Try(_file.Flush);
        var heads = new PriorityQueue<Run, string>(PathOrder.Instance);
        foreach ((long start, long end) in _runs)
        {
            var run = new Run(_file, start, end);
            if (run.Next())
                heads.Enqueue(run, run.Name);
        }

        while (heads.TryDequeue(out Run? run, out _))
        {
            yield return (run.Name, run.Tag);
            if (run.Next())
                heads.Enqueue(run, run.Name);
        }
    }

    public void Dispose() => _file?.Dispose();

    private void Sort() => _names.Sort((x, y) => PathOrder.Instance.Compare(x.Name, y.Name));

    private void Spill()
    {
        Sort();
        Try(Write);
        _names.Clear();
    }

    private void Write()
    {
        _file ??= NamelessFile.CreateTemporary(bufferSize: 1 << 12);
        long start = _file.Position;
        Span<byte> head = stackalloc byte[sizeof(ulong) + sizeof(int)];
        foreach ((string name, ulong tag) in _names)
        {
            MemoryMarshal.Write(head, tag);
            MemoryMarshal.Write(head[sizeof(ulong)..], name.Length);
            _file.Write(head);
            _file.Write(MemoryMarshal.AsBytes(name.AsSpan()));
        }

        _runs.Add((start, _file.Position));
    }

    /// <summary>A failure of this file must not be taken for one of the folder that is listed.</summary>
    private static void Try(Action access)
    {
        try
        {
            access();
        }
        catch (Exception failure) when (failure is IOException or UnauthorizedAccessException)
        {
            throw NamelessFile.Failed("a folder's names", failure);
        }
    }

    /// <summary>A sorted run in the file and the name that comes next of it.</summary>
    private sealed class Run(FileStream file, long position, long end)
    {
        private readonly byte[] _buffer = new byte[BufferLength];
        private int _next;
        private int _filled;

        public string Name { get; private set; } = "";

        public ulong Tag { get; private set; }

        public bool Next()
        {
            if (_next == _filled && position == end)
                return false;
            Span<byte> head = stackalloc byte[sizeof(ulong) + sizeof(int)];
            Read(head);
            Tag = MemoryMarshal.Read<ulong>(head);
            Name = string.Create(
                MemoryMarshal.Read<int>(head[sizeof(ulong)..]), this, (text, run) => run.Read(MemoryMarshal.AsBytes(text)));
            return true;
        }

        private void Fill()
        {
            _filled = RandomAccess.Read(file.SafeFileHandle, _buffer.AsSpan(0, (int)Math.Min(BufferLength, end - position)), position);
            if (_filled == 0)
                throw new EndOfStreamException("the file was cut short");
        }

        private void Read(Span<byte> bytes)
        {
            while (bytes.Length > 0)
            {
                if (_next == _filled)
                {
                    Try(Fill);
                    position += _filled;
                    _next = 0;
                }

                int count = Math.Min(bytes.Length, _filled - _next);
                _buffer.AsSpan(_next, count).CopyTo(bytes);
                _next += count;
                bytes = bytes[count..];
            }
        }
    }
}

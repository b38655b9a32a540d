namespace Dino.Gpu.Tests.Cuda;

/// <summary>
/// The copies of a warp's lanes from global to shared memory (cp.async). A lane's copies belong to its next commit, and
/// arrive no sooner than a wait of the same lane demands.
/// </summary>
internal sealed class CopyQueue
{
    private const int Room = 16;

    private readonly int[] _committed = new int[Warp.Size];
    private Entry[] _entries = new Entry[64];
    private byte[] _data = new byte[64 * Room];
    private int _count;

    public void Clear()
    {
        _count = 0;
        Array.Clear(_committed);
    }

    public void Add(int lane, long target, ReadOnlySpan<byte> data, bool defined)
    {
        if (_count == _entries.Length)
        {
            Array.Resize(ref _entries, 2 * _count);
            Array.Resize(ref _data, 2 * _count * Room);
        }

        _entries[_count] = new Entry(lane, _committed[lane], target, data.Length, defined);
        data.CopyTo(_data.AsSpan(_count * Room));
        _count++;
    }

    public void Commit(uint lanes)
    {
        for (int lane = 0; lane < Warp.Size; lane++)
            _committed[lane] += (int)(lanes >> lane & 1);
    }

    /// <summary>Ends all copies of the lanes but those of their latest commits.</summary>
    /// <param name="warp">Whose copies.</param>
    /// <param name="lanes">Which lanes wait.</param>
    /// <param name="pending">Commits that may stay under way; negative: also what is not committed arrives.</param>
    public void Wait(Warp warp, uint lanes, int pending)
    {
        int kept = 0;
        for (int i = 0; i < _count; i++)
        {
            Entry entry = _entries[i];
            if ((lanes >> entry.Lane & 1) != 0 && entry.Commit < _committed[entry.Lane] - pending)
            {
                warp.Group.Shared.EndCopy(warp, entry.Lane, entry.Target, _data.AsSpan(i * Room, entry.Size), entry.Defined);
                continue;
            }

            if (kept != i)
            {
                _entries[kept] = entry;
                _data.AsSpan(i * Room, Room).CopyTo(_data.AsSpan(kept * Room));
            }

            kept++;
        }

        _count = kept;
    }

    private readonly record struct Entry(int Lane, int Commit, long Target, int Size, bool Defined);
}

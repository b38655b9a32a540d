namespace Dino.Gpu.Tests.Cuda;

/// <summary>Records of many pieces at once are those that each piece has by itself.</summary>
public sealed unsafe class AccessRecordTests
{
    private const int Launch = 2000;
    private const int Group = 5;
    private const int Barrier = 40;

    /// <summary>A warp's access to shared memory, where what lies before the barrier is forgotten, and to global memory.</summary>
    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public void Reads_of_many_pieces_are_those_of_each(bool isShared)
    {
        var random = new Random(1);
        ulong many = isShared ? AccessRecord.OneGroup : AccessRecord.ManyGroups;
        ulong since = AccessRecord.Of(Launch, isShared ? Group : 0, isShared ? Barrier : 0, 0);
        ulong* records = stackalloc ulong[64];
        for (int round = 0; round < 20_000; round++)
        {
            int each = 1 << random.Next(4);
            int pieces = Math.Max(each, 1 << random.Next(7));
            ulong mine = AccessRecord.Of(Launch, Group, Barrier + random.Next(3), 32 * random.Next(3) + random.Next(8));
            ulong[] before = [.. Enumerable.Range(0, pieces).Select(_ => Record(random, mine, isShared))];
            if (random.Next(2) == 0)
                Array.Fill(before, before[0]);
            before.CopyTo(new Span<ulong>(records, pieces));
            AccessRecord.AddReads(records, pieces, each, since, many, mine, Barrier);
            for (int i = 0; i < pieces; i++)
            {
                ulong own = mine + AccessRecord.OfThread(i / each);
                ulong expected = before[i] < since ? own : AccessRecord.Add(before[i], own, Barrier);
                bool isFull = before[i] >= since && (before[i] & many) == many; // may stay as it is
                Assert.True(
                    records[i] == expected || (isFull && records[i] == before[i]),
                    $"{pieces} pieces, {each} each, {i}: {before[i]:x} and {own:x} to {records[i]:x}, not {expected:x}");
            }
        }
    }

    [Fact]
    public void A_record_among_many_is_seen()
    {
        ulong* records = stackalloc ulong[64];
        for (int pieces = 1; pieces <= 32; pieces++)
        {
            new Span<ulong>(records, 64).Fill(ulong.MaxValue); // what lies behind the pieces does not count
            for (int i = 0; i < pieces; i++)
            {
                new Span<ulong>(records, pieces).Fill(ulong.MaxValue / 2);
                records[i]++;
                Assert.False(AccessRecord.AnySince(records, pieces, ulong.MaxValue / 2 + 2));
                Assert.True(AccessRecord.AnySince(records, pieces, ulong.MaxValue / 2 + 1));
            }
        }
    }

    /// <summary>A record near that of an access, of any kind; of other launches, groups and clocks where there are such.</summary>
    private static ulong Record(Random random, ulong mine, bool isShared)
    {
        ulong record = random.Next(4) == 0 ? mine : AccessRecord.Of(
            isShared || random.Next(2) == 0 ? Launch : Launch - 1 + random.Next(3), isShared ? Group : Group - 1 + random.Next(3),
            Barrier - 1 + random.Next(4), random.Next(96));
        return record | (uint)random.Next(isShared ? 3 : 4);
    }
}

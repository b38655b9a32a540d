using Dino.Gpu.Data.Inputs;

namespace Dino.Gpu.Tests.Data.Inputs;

[Collection(AloneCollection.Name)]
public sealed class InputListMemoryTests
{
    [Fact]
    public void A_hundred_thousand_rows_take_no_more_memory_than_a_thousand()
    {
        using InputList warm = Many(1_000);
        long before = GC.GetTotalMemory(forceFullCollection: true);
        using InputList many = Many(100_000);
        Assert.InRange(GC.GetTotalMemory(forceFullCollection: true) - before, long.MinValue, 3_000_000); // the rows themselves are 15 MB
        Assert.Equal(100_000, many.Count);

        // Any row is reached without reading those before its block of 1024.
        foreach (long row in new long[] { 0, 1, 1023, 1024, 1025, 50_000, 98_304, 99_999 })
        {
            long allocated = GC.GetAllocatedBytesForCurrentThread();
            Assert.Equal(Name(row), many.Items(row, row + 1).Single().Path);
            Assert.InRange(GC.GetAllocatedBytesForCurrentThread() - allocated, 0, 300_000);
        }

        Assert.Equal(Enumerable.Range(2_000, 3_000).Select(row => Name(row)), many.Items(2_000, 5_000).Select(item => item.Path));

        static string Name(long row) => $"/archive/{row % 977:000}/{new string('x', 100)}/photo {row}.jpg";
        static InputList Many(int rows) => InputList.Settle(["-"], new CountingReader(Enumerable.Range(0, rows).Select(row => Name(row))));
    }
}

/// <summary>For tests that measure the whole process: nothing runs beside them.</summary>
[CollectionDefinition(Name, DisableParallelization = true)]
public sealed class AloneCollection
{
    public const string Name = "alone";
}

using System.Collections.Concurrent;
using Dino.Gpu.Imaging;

namespace Dino.Gpu.Tests.Imaging;

/// <summary>Pictures wait for room in memory, in the order in which they came.</summary>
public sealed class PixelBudgetTests
{
    [Fact]
    public async Task No_more_than_the_capacity_is_held_at_once()
    {
        var budget = new PixelBudget(100);
        long inside = 0, most = 0, entered = 0;
        await Task.WhenAll(Enumerable.Range(0, 8).Select(thread => Task.Run(() =>
        {
            var random = new Random(thread);
            for (int i = 0; i < 500; i++)
            {
                long pixels = random.Next(1, 100);
                using (budget.Enter(pixels))
                {
                    long now = Interlocked.Add(ref inside, pixels);
                    for (long seen = Volatile.Read(ref most); now > seen; seen = Volatile.Read(ref most))
                        Interlocked.CompareExchange(ref most, now, seen);
                    Thread.Yield();
                    Interlocked.Add(ref inside, -pixels);
                }

                Interlocked.Increment(ref entered);
            }
        })));
        Assert.Equal(4000, entered);
        Assert.InRange(most, 1, 100);
    }

    /// <summary>A container of 600 MB, of which .NET takes 450; 3.6 GB have room for the decoders' limit.</summary>
    [Theory]
    [InlineData(450_000_000, 22_500_000)]
    [InlineData(3_600_000_000, 178_956_970)]
    [InlineData(1L << 40, 178_956_970)]
    [InlineData(0, 1)]
    public void The_largest_picture_by_default_goes_by_the_memory(long memory, long pixels) =>
        Assert.Equal(pixels, PixelBudget.LargestPictureIn(memory));

    [Fact]
    public void A_picture_beyond_it_goes_alone_and_is_not_overtaken()
    {
        var budget = new PixelBudget(100);
        var events = new ConcurrentQueue<string>();
        IDisposable small = budget.Enter(1);
        Thread large = StartAndWait("large", 1_000_000);
        Thread next = StartAndWait("next", 1);
        Assert.Empty(events);
        small.Dispose();
        Assert.True(large.Join(TimeSpan.FromSeconds(30)) && next.Join(TimeSpan.FromSeconds(30)));
        Assert.Equal(["large in", "large out", "next in", "next out"], events);

        // Returns when the thread stands in the queue: the order is that of these calls, however busy the machine is.
        Thread StartAndWait(string name, long pixels)
        {
            var thread = new Thread(() =>
            {
                using (budget.Enter(pixels))
                {
                    events.Enqueue(name + " in");
                    Thread.Sleep(50);
                    events.Enqueue(name + " out");
                }
            })
            { IsBackground = true };
            thread.Start();
            Assert.True(SpinWait.SpinUntil(() => thread.ThreadState.HasFlag(ThreadState.WaitSleepJoin), TimeSpan.FromSeconds(30)));
            return thread;
        }
    }
}

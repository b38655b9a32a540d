using Dino.Gpu.Cli.Embedding;

namespace Dino.Gpu.Tests.Inputs;

/// <summary>Pictures wait for room in memory, in the order in which they came.</summary>
public sealed class PixelBudgetTests
{
    [Fact]
    public async Task No_more_than_the_capacity_at_once()
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

    [Fact]
    public async Task A_picture_beyond_it_goes_alone_and_is_not_overtaken()
    {
        var budget = new PixelBudget(100);
        IDisposable small = budget.Enter(1);
        var large = Task.Run(() => budget.Enter(1_000_000));
        await Task.Delay(50);
        var next = Task.Run(() => budget.Enter(1));
        await Task.Delay(50);
        Assert.False(large.IsCompleted || next.IsCompleted);
        small.Dispose();
        using (await large.WaitAsync(TimeSpan.FromSeconds(30)))
        {
            await Task.Delay(50);
            Assert.False(next.IsCompleted);
        }

        (await next.WaitAsync(TimeSpan.FromSeconds(30))).Dispose();
    }
}

using System.Collections.Concurrent;
using Dino.Gpu.Data.Embedding;

namespace Dino.Gpu.Tests.Data.Embedding;

/// <summary>A signal asks for an orderly end, and does not wait for it for ever.</summary>
public sealed class OrderlyEndTests
{
    [Fact]
    public void What_does_not_hear_a_signal_is_left_after_a_while()
    {
        var events = new ConcurrentQueue<string>();
        using var left = new ManualResetEventSlim();
        using var end = new OrderlyEnd(() => events.Enqueue("before"), TimeSpan.FromMilliseconds(50), code =>
        {
            events.Enqueue($"exit {code}");
            left.Set();
        });
        Assert.False(end.Token.IsCancellationRequested);
        Assert.False(left.Wait(TimeSpan.FromMilliseconds(200)));
        end.Ask();
        Assert.True(end.Token.IsCancellationRequested);
        Assert.True(left.Wait(TimeSpan.FromSeconds(30)));
        Assert.Equal(["before", "exit 130"], events);
    }

    [Fact]
    public void An_orderly_end_in_time_is_the_end()
    {
        using var left = new ManualResetEventSlim();
        using (var end = new OrderlyEnd(() => { }, TimeSpan.FromMilliseconds(100), _ => left.Set()))
            end.Ask();
        Assert.False(left.Wait(TimeSpan.FromMilliseconds(400)));
    }
}

using Dino.Gpu.Serving;

namespace Dino.Gpu.Tests.Serving;

/// <summary>Who gets a place of which worker.</summary>
public sealed class WorkerPoolTests
{
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(30);

    private readonly WorkerPool<string> _pool = new(["a", "b"], worker => worker == "a" ? 2 : 1);

    [Fact]
    public void First_places_come_before_second_ones()
    {
        Assert.Equal(["a", "b", "a"], new[] { Take(), Take(), Take() });
        _pool.Return("b");
        _pool.Return("a");
        Assert.Equal(["b", "a"], new[] { Take(), Take() });
    }

    [Fact]
    public async Task A_call_waits_for_a_worker_that_it_has_not_tried()
    {
        Assert.Equal("b", Take("a"));
        Task<string?> waiting = WaitingTake("a");
        Assert.NotSame(waiting, await Task.WhenAny(waiting, Pause()));
        _pool.Return("b");
        Assert.Equal("b", await EndOf(waiting));
        Assert.Null(Take("b", "a"));
    }

    [Fact]
    public async Task A_worker_that_is_left_out_gets_no_more_calls()
    {
        Assert.Equal("a", Take());
        Assert.True(_pool.LeaveOut("a"));
        Assert.False(_pool.LeaveOut("a"));
        Assert.False(_pool.LeaveOut("b")); // the last one
        Assert.Equal(["b"], _pool.Workers);
        _pool.Return("a");
        Assert.Equal("b", Take());
        Task<string?> waiting = WaitingTake();
        Assert.NotSame(waiting, await Task.WhenAny(waiting, Pause()));
        _pool.Return("b");
        Assert.Equal("b", await EndOf(waiting));
    }

    [Fact]
    public async Task Calls_that_wait_for_one_that_is_left_out_end()
    {
        Assert.Equal("b", Take("a"));
        Task<string?> waiting = WaitingTake("a");
        Assert.NotSame(waiting, await Task.WhenAny(waiting, Pause()));
        _pool.LeaveOut("b");
        Assert.Null(await EndOf(waiting));
    }

    [Fact]
    public async Task Closing_ends_the_calls_that_wait()
    {
        Assert.Equal("b", Take("a"));
        Task<string?> waiting = WaitingTake("a");
        Assert.NotSame(waiting, await Task.WhenAny(waiting, Pause()));
        _pool.Close();
        await Assert.ThrowsAsync<ObjectDisposedException>(() => EndOf(waiting));
        Assert.Throws<ObjectDisposedException>(() => Take());
    }

    private static Task Pause() => Task.Delay(50, TestContext.Current.CancellationToken);

    private static Task<string?> EndOf(Task<string?> waiting) => waiting.WaitAsync(Patience, TestContext.Current.CancellationToken);

    private Task<string?> WaitingTake(params string[] except) =>
        Task.Run(() => Take(except), TestContext.Current.CancellationToken);

    private string? Take(params string[] except) => _pool.Take(except);
}

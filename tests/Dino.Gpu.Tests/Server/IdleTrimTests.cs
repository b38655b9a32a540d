using Dino.Gpu.Server.Hosting;
using Microsoft.AspNetCore.Http;

namespace Dino.Gpu.Tests.Server;

/// <summary>Memory is given back after requests, twice, and not while there are any.</summary>
public sealed class IdleTrimTests
{
    [Fact]
    public async Task Memory_is_given_back_after_requests_and_only_then()
    {
        using var trim = new IdleTrim(TimeSpan.FromSeconds(5), TimeProvider.System);
        Assert.Equal(0, CountAfter(ticks: 5)); // nobody has asked
        await trim.RunAsync(Request("/health/ready"), _ => Task.CompletedTask);
        Assert.Equal(0, CountAfter(ticks: 5)); // a probe is nobody

        await trim.RunAsync(Request("/embed"), _ => Task.CompletedTask);
        Assert.Equal(0, CountAfter(ticks: 1)); // a part of a period
        Assert.Equal(2, CountAfter(ticks: 5));

        var answered = new TaskCompletionSource();
        Task request = trim.RunAsync(Request("/embed"), _ => answered.Task);
        Assert.Equal(2, CountAfter(ticks: 5)); // one is under way
        answered.SetResult();
        await request;
        Assert.Equal(4, CountAfter(ticks: 5));

        int CountAfter(int ticks)
        {
            for (int i = 0; i < ticks; i++)
                trim.Tick();
            return trim.Count;
        }
    }

    private static DefaultHttpContext Request(string path) => new() { Request = { Path = path } };
}

using Dino.Gpu.Server;
using Dino.Gpu.Server.Requests;

namespace Dino.Gpu.Tests.Server;

/// <summary>The memory of requests is counted, whoever takes it, and all of it comes back.</summary>
public sealed class BodyMemoryTests
{
    [Fact]
    public void All_that_several_threads_take_comes_back()
    {
        var memory = new BodyMemory(new DinoServerOptions());
        BodyMemory.Lease lease = memory.Begin();
        Parallel.For(0, 100_000, _ => lease.Take(1));
        Assert.Equal(100_000, memory.Used);
        lease.Dispose();
        lease.Dispose();
        Assert.Equal(0, memory.Used);
        Assert.Throws<ObjectDisposedException>(() => lease.Take(1));
        Assert.Equal(0, memory.Used);
    }

    [Fact]
    public void Request_that_is_allowed_fits_and_an_answer_that_never_fits_is_no_matter_of_time()
    {
        const int body = 1000;
        var memory = new BodyMemory(new DinoServerOptions { MaxBodyBytes = body, MaxBufferedBytes = body });
        using BodyMemory.Lease other = memory.Begin();
        other.Take(4 * body);
        Assert.Equal(429, Assert.Throws<RequestFailure>(() => Take(1)).Status);
        other.Return(body);
        Take(body);
        Assert.Equal(429, Assert.Throws<RequestFailure>(() => Take(body + 1)).Status);
        Assert.Equal(422, Assert.Throws<RequestFailure>(() => Take(4 * body + 1)).Status);
        Assert.Equal(3 * body, memory.Used);

        void Take(int bytes)
        {
            using BodyMemory.Lease lease = memory.Begin();
            lease.TakeForAnswer(bytes);
        }
    }
}

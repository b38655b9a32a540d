using System.Collections.Concurrent;
using System.Runtime.CompilerServices;

namespace Dino.Gpu.Tests.Support;

/// <summary>
/// Threads of the tests. They block those of the pool, which by itself adds one or two a second beyond the number of cores: continuations
/// and timers of the others would come that much late, and a test that looks at a run every millisecond would find it
/// at its end.
/// </summary>
internal static class TestThreads
{
    [ModuleInitializer]
    internal static void Prepare() => ThreadPool.SetMinThreads(32, 8);

    /// <summary>
    /// Runs work on threads of its own, since the pool would run a few at a time, and waits for all of them.
    /// </summary>
    /// <param name="count">Threads.</param>
    /// <param name="work">Gets the number of its thread; what it throws fails the test.</param>
    public static void Run(int count, Action<int> work)
    {
        var failures = new ConcurrentQueue<Exception>();
        Thread[] threads = [.. Enumerable.Range(0, count).Select(i => new Thread(() =>
        {
            try
            {
                work(i);
            }
            catch (Exception failure)
            {
                failures.Enqueue(failure);
            }
        })
        { IsBackground = true })];
        foreach (Thread thread in threads)
            thread.Start();
        foreach (Thread thread in threads)
            Assert.True(thread.Join(TimeSpan.FromMinutes(3)), "a thread hangs");
        Assert.Empty(failures);
    }
}

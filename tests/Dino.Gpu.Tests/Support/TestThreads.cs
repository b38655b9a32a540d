using System.Runtime.CompilerServices;

namespace Dino.Gpu.Tests.Support;

/// <summary>
/// Tests block threads of the pool, which by itself adds one or two a second beyond the number of cores: continuations
/// and timers of the others would come that much late, and a test that looks at a run every millisecond would find it
/// at its end.
/// </summary>
internal static class TestThreads
{
    [ModuleInitializer]
    internal static void Prepare() => ThreadPool.SetMinThreads(32, 8);
}

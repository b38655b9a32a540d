using System.Runtime.ExceptionServices;

namespace Dino.Gpu.Data.Embedding;

/// <summary>The same work for several things at once.</summary>
internal static class SideBySide
{
    /// <summary>
    /// Does something for every number below <paramref name="count"/>; the first failure comes out as it is.
    /// </summary>
    /// <param name="count">How many.</param>
    /// <param name="threads">Most at the same time.</param>
    /// <param name="action">Gets the number.</param>
    public static void ForAll(int count, int threads, Action<int> action)
    {
        try
        {
            Parallel.For(0, count, new ParallelOptions { MaxDegreeOfParallelism = threads }, action);
        }
        catch (AggregateException failures)
        {
            ExceptionDispatchInfo.Throw(failures.InnerExceptions[0]);
        }
    }
}

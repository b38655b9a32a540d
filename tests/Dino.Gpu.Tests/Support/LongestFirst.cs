using Dino.Gpu.Tests.Cuda;
using Dino.Gpu.Tests.Pipeline;
using Dino.Gpu.Tests.Support;
using Xunit.Sdk;
using Xunit.v3;

[assembly: TestCollectionOrderer(typeof(LongestFirst))]

namespace Dino.Gpu.Tests.Support;

/// <summary>
/// Starts the collections that take longest first. The order of xUnit is that of hashes: the portable kernels, whose
/// tests take turns for minutes, began when half of the others were done, and at the end one core had nothing to do.
/// </summary>
public sealed class LongestFirst : ITestCollectionOrderer
{
    /// <summary>Parts of their names, the longest first.</summary>
    private static readonly string[] Long =
        [PortableCollection.Name, nameof(FullSizeCudaTests), nameof(FirstRunTests), "Assembler.AssemblerTests"];

    public IReadOnlyCollection<TTestCollection> OrderTestCollections<TTestCollection>(IReadOnlyCollection<TTestCollection> testCollections)
        where TTestCollection : ITestCollection =>
        [.. testCollections.OrderBy(Place).ThenBy(collection => collection.UniqueID, StringComparer.Ordinal)];

    private static int Place<TTestCollection>(TTestCollection collection)
        where TTestCollection : ITestCollection
    {
        int place = Array.FindIndex(Long, name => collection.TestCollectionDisplayName.Contains(name, StringComparison.Ordinal));
        return place < 0 ? Long.Length : place;
    }
}

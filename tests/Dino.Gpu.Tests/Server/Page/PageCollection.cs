namespace Dino.Gpu.Tests.Server.Page;

/// <summary>Tests that share one browser and one server, and so run one after the other.</summary>
[CollectionDefinition(nameof(PageCollection))]
public sealed class PageCollection : ICollectionFixture<Chromium>, ICollectionFixture<PageServer>;

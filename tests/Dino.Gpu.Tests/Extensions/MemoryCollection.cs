using System.Collections.Concurrent;
using System.Diagnostics.CodeAnalysis;
using System.Linq.Expressions;
using System.Numerics.Tensors;
using System.Runtime.CompilerServices;
using Microsoft.Extensions.AI;
using Microsoft.Extensions.VectorData;
using Microsoft.Extensions.VectorData.ProviderServices;

#pragma warning disable MEVD9001 // what only stores use may change: so this is where it would be noticed

namespace Dino.Gpu.Tests.Extensions;

/// <summary>
/// A collection of Microsoft.Extensions.VectorData in memory, built as the stores of others are: the model builder of
/// the abstractions chooses which generator serves which property and calls it.
/// </summary>
/// <param name="definition">The properties; null to read the attributes of the record.</param>
/// <param name="generator">For properties that name none; null for none.</param>
internal sealed class MemoryCollection<TKey, TRecord>(VectorStoreCollectionDefinition? definition, IEmbeddingGenerator? generator)
    : VectorStoreCollection<TKey, TRecord>
    where TKey : notnull
    where TRecord : class
{
    private readonly CollectionModel _model = new MemoryModelBuilder().Build(typeof(TRecord), typeof(TKey), definition, generator);
    private readonly ConcurrentDictionary<TKey, (TRecord Record, Dictionary<string, float[]> Vectors)> _records = new();

    public override string Name => "memory";

    /// <summary>What is stored for a vector property of a record.</summary>
    public float[] Vector(TKey key, string property) => _records[key].Vectors[property];

    public override Task<bool> CollectionExistsAsync(CancellationToken cancellationToken = default) => Task.FromResult(true);

    public override Task EnsureCollectionExistsAsync(CancellationToken cancellationToken = default) => Task.CompletedTask;

    public override Task EnsureCollectionDeletedAsync(CancellationToken cancellationToken = default)
    {
        _records.Clear();
        return Task.CompletedTask;
    }

    public override Task<TRecord?> GetAsync(
        TKey key, RecordRetrievalOptions? options = null, CancellationToken cancellationToken = default) =>
        Task.FromResult(_records.TryGetValue(key, out var found) ? found.Record : null);

    public override async IAsyncEnumerable<TRecord> GetAsync(
        Expression<Func<TRecord, bool>> filter, int top, FilteredRecordRetrievalOptions<TRecord>? options = null,
        [EnumeratorCancellation] CancellationToken cancellationToken = default)
    {
        await Task.CompletedTask;
        foreach (TRecord record in _records.Values.Select(found => found.Record).Where(filter.Compile()).Take(top))
            yield return record;
    }

    public override Task DeleteAsync(TKey key, CancellationToken cancellationToken = default)
    {
        _records.TryRemove(key, out _);
        return Task.CompletedTask;
    }

    public override Task UpsertAsync(TRecord record, CancellationToken cancellationToken = default) =>
        UpsertAsync([record], cancellationToken);

    public override async Task UpsertAsync(IEnumerable<TRecord> records, CancellationToken cancellationToken = default)
    {
        TRecord[] all = [.. records];
        Dictionary<string, float[]>[] vectors = [.. all.Select(_ => new Dictionary<string, float[]>())];
        foreach (VectorPropertyModel property in _model.VectorProperties)
        {
            if (property.Type == typeof(ReadOnlyMemory<float>))
            {
                for (int i = 0; i < all.Length; i++)
                    vectors[i][property.ModelName] = property.GetValue<ReadOnlyMemory<float>>(all[i]).ToArray();
                continue;
            }

            IReadOnlyList<Embedding> made =
                await property.GenerateEmbeddingsAsync(all.Select(property.GetValueAsObject), cancellationToken);
            for (int i = 0; i < all.Length; i++)
                vectors[i][property.ModelName] = ((Embedding<float>)made[i]).Vector.ToArray();
        }

        for (int i = 0; i < all.Length; i++)
            _records[(TKey)_model.KeyProperty.GetValueAsObject(all[i])!] = (all[i], vectors[i]);
    }

    public override async IAsyncEnumerable<VectorSearchResult<TRecord>> SearchAsync<TInput>(
        TInput searchValue, int top, VectorSearchOptions<TRecord>? options = null,
        [EnumeratorCancellation] CancellationToken cancellationToken = default)
    {
        VectorPropertyModel property = _model.GetVectorPropertyOrSingle(options ?? new VectorSearchOptions<TRecord>());
        ReadOnlyMemory<float> query = searchValue is ReadOnlyMemory<float> vector
            ? vector
            : ((Embedding<float>)await property.GenerateEmbeddingAsync(searchValue, cancellationToken)).Vector;
        var scored = _records.Values.Select(found => new VectorSearchResult<TRecord>(
            found.Record, TensorPrimitives.CosineSimilarity(query.Span, found.Vectors[property.ModelName])));
        foreach (VectorSearchResult<TRecord> result in scored.OrderByDescending(result => result.Score).Take(top))
            yield return result;
    }

    public override object? GetService(Type serviceType, object? serviceKey = null) =>
        serviceKey is null && serviceType.IsInstanceOfType(this) ? this : null;

    private sealed class MemoryModelBuilder() : CollectionModelBuilder(new CollectionModelBuildingOptions
    {
        SupportsMultipleVectors = true,
        RequiresAtLeastOneVector = true,
    })
    {
        protected override bool IsDataPropertyTypeValid(Type type, [NotNullWhen(false)] out string? supportedTypes)
        {
            supportedTypes = "string";
            return type == typeof(string);
        }

        protected override bool IsVectorPropertyTypeValid(Type type, [NotNullWhen(false)] out string? supportedTypes)
        {
            supportedTypes = "ReadOnlyMemory<float>, or what a generator makes an Embedding<float> of";
            return type == typeof(ReadOnlyMemory<float>) || type == typeof(Embedding<float>);
        }

        protected override void ValidateKeyProperty(KeyPropertyModel keyProperty)
        {
        }
    }
}

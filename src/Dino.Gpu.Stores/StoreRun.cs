using Dino.Gpu.Data.Embedding;
using Dino.Gpu.Data.Inputs;
using Dino.Gpu.Data.Rows;
using Dino.Gpu.Data.Runs;
using Dino.Gpu.Data.Vectors;

namespace Dino.Gpu.Stores;

/// <summary>
/// Brings a store up to date with a list of pictures. Whatever ended an earlier run, a cancellation, <c>kill -9</c>, or
/// a server that went away, the same call finishes it: a picture has one row, and one that is there with the digest of
/// its file is not embedded again.
/// </summary>
public static class StoreRun
{
    /// <summary>The fixed part of a message.</summary>
    internal const string NoPaths = "has rows without paths, by which a store knows its pictures";

    /// <summary>Embeds what is new or changed, and writes it.</summary>
    /// <param name="embedder">The model, with <see cref="EmbedderOptions.Sha256"/>.</param>
    /// <param name="inputs">The settled list.</param>
    /// <param name="store">The store.</param>
    /// <param name="options">What else to do; null for nothing.</param>
    /// <param name="progress">Who is told; null for nobody.</param>
    /// <param name="cancellation">
    /// Ends the run in order: it finishes the batches in the model and writes them.
    /// </param>
    /// <returns>What changed.</returns>
    /// <exception cref="ArgumentException">The embedder does not hash pictures, or its rows are no vectors.</exception>
    /// <exception cref="DinoException">
    /// Another model made the vectors of the store, the server refuses or is gone, or a device failed.
    /// </exception>
    /// <exception cref="OperationCanceledException">The server did not answer for ten seconds after a cancellation.</exception>
    public static async Task<StoreRunResult> RunAsync(
        Embedder embedder,
        InputList inputs,
        IVectorStore store,
        StoreRunOptions? options = null,
        IEmbeddingProgress? progress = null,
        CancellationToken cancellation = default)
    {
        ArgumentNullException.ThrowIfNull(embedder);
        ArgumentNullException.ThrowIfNull(inputs);
        ArgumentNullException.ThrowIfNull(store);
        if (!embedder.Options.Sha256 || embedder.RowShape.Count != 1)
            throw new ArgumentException("A store takes one vector a picture, with the picture's SHA-256.", nameof(embedder));
        options ??= new StoreRunOptions();
        progress ??= new NoProgress();
        await store.PrepareAsync(embedder.RowShape[0], embedder.Provenance, cancellation).ConfigureAwait(false);

        using ErrorLog? log = options.ErrorsFile is null ? null : new ErrorLog(options.ErrorsFile);
        var sink = new StoreSink(store, embedder.Layout.Length, embedder.Layout.Copy, progress, log, cancellation);
        var changed = new ChangedPictures(inputs, store, sink, embedder.Workers);
        progress.Begin(new EmbeddingStart(inputs.Count));
        bool isWhole;
        try
        {
            isWhole = await embedder.RunAsync(changed.Items(cancellation), sink, inputs.Folders, cancellation, CancellationToken.None)
                .ConfigureAwait(false);
        }
        catch
        {
            try
            {
                sink.Write();
            }
            catch (Exception failure) when (failure is DinoException or OperationCanceledException)
            {
                // report the failure that ended the run instead
            }

            throw;
        }

        sink.Write();
        long deleted = isWhole
            ? await FinishAsync(store, options, () => inputs.Items().Select(StoredPicture.IdOf), cancellation).ConfigureAwait(false)
            : 0;
        return Result(sink, isWhole, deleted);
    }

    /// <summary>Writes embeddings that are there already: files, or folders of runs.</summary>
    /// <param name="inputs">Their names.</param>
    /// <param name="store">The store.</param>
    /// <param name="options">What else to do.</param>
    /// <param name="comparable">Looks at the inputs.</param>
    /// <param name="cancellation">Ends it; what was written stays.</param>
    /// <exception cref="DinoException">
    /// An input cannot be read, has no vectors or no paths, or does not fit the store; or the server refuses or is
    /// gone.
    /// </exception>
    internal static async Task<StoreRunResult> GatherAsync(
        IReadOnlyList<string> inputs,
        IVectorStore store,
        StoreRunOptions options,
        ComparableVectors comparable,
        CancellationToken cancellation)
    {
        using var gathered = new GatheredRows(inputs, comparable);
        await store.PrepareAsync(gathered.Shape[0], gathered.Model, cancellation).ConfigureAwait(false);

        using ErrorLog? log = options.ErrorsFile is null ? null : new ErrorLog(options.ErrorsFile);
        var sink = new StoreSink(store, gathered.Shape[0], (_, _, _) => { }, new NoProgress(), log, cancellation);
        var ids = new List<Guid>();
        foreach (EmbeddingRows rows in gathered.Inputs)
            Add(rows, sink, ids, cancellation);
        sink.Write();
        if (ids.Count == sink.Failures)
            throw EmbeddingTable.NoEmbeddings(inputs[0], (int)sink.Failures);
        long deleted = await FinishAsync(store, options, () => ids, cancellation).ConfigureAwait(false);
        return Result(sink, isWhole: true, deleted);
    }

    private static void Add(EmbeddingRows rows, StoreSink sink, List<Guid> ids, CancellationToken cancellation)
    {
        int archive = EmbeddingTable.ArchiveColumn(rows.Columns);
        foreach ((RowInfo row, ReadOnlyMemory<float> values) in rows.Read(cancellation))
        {
            if (row.Path.Length == 0)
                throw new DinoException($"{rows.Name} {NoPaths}", "give embeddings in .npz, .dinoidx, .jsonl or .parquet");
            var picture = StoredPicture.Of(EmbeddingTable.WithArchive(row, archive));
            ids.Add(picture.Id); // of a failed one, too: its row of an earlier run stays
            if (row.Error is not null)
            {
                sink.Fail(row);
                continue;
            }

            EmbeddingTable.RequireFinite(rows.Name, row, values.Span);
            sink.Add(new StoredVector(picture, values.ToArray()));
        }
    }

    private static async Task<long> FinishAsync(
        IVectorStore store, StoreRunOptions options, Func<IEnumerable<Guid>> ids, CancellationToken cancellation)
    {
        long deleted = options.Prune ? await store.KeepOnlyAsync(ids(), cancellation).ConfigureAwait(false) : 0;
        if (options.Hnsw)
            await store.BuildHnswAsync(cancellation).ConfigureAwait(false);
        return deleted;
    }

    private static StoreRunResult Result(StoreSink sink, bool isWhole, long deleted) =>
        new(isWhole, sink.Added, sink.Replaced, sink.Unchanged, sink.Failures, deleted);
}

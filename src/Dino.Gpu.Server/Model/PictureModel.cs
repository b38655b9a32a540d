using Dino.Gpu.Features;
using Dino.Gpu.Imaging;
using Dino.Gpu.Server.Requests;

namespace Dino.Gpu.Server.Model;

/// <summary>Runs the pictures of requests through the model.</summary>
/// <param name="encoder">The model.</param>
/// <param name="options">Limits.</param>
internal sealed class PictureModel(IDinoEncoder encoder, DinoServerOptions options) : IDisposable
{
    private readonly PassGate _passes = new(Math.Max(1, encoder.BatchesInFlight), options.MaxPasses);
    private int _underWay; // pictures that the queue was given
    private volatile bool _isFull; // the queue has refused a picture, and none has left it since

    public IDinoEncoder Encoder => encoder;

    /// <summary>
    /// Refuses a request whose body is not read yet, if its pictures would be refused then: nobody is to send, and the
    /// server to read, what is thrown away.
    /// </summary>
    /// <param name="isQueued">Whether they would go through the queue, and not through a pass of their own.</param>
    /// <exception cref="RequestFailure">Too many pictures wait.</exception>
    public void RequireRoom(bool isQueued)
    {
        if (!isQueued)
        {
            _passes.RequireRoom();
        }
        else if (_isFull && Volatile.Read(ref _underWay) > 0) // with none under way, nobody would say that there is room again
        {
            DinoTelemetry.Busy();
            throw RequestFailure.Busy("as many pictures as may wait for the model already");
        }
    }

    /// <summary>Makes rows of pictures. Those that cannot be read fail alone.</summary>
    /// <param name="pictures">The pictures.</param>
    /// <param name="output">What is made of them.</param>
    /// <param name="normalize">Whether embeddings are scaled to length 1.</param>
    /// <param name="lease">Counts the rows, before there are any.</param>
    /// <param name="cancellation">Ends it at once: no picture is decoded or computed any more.</param>
    /// <exception cref="RequestFailure">Too many pictures wait, or the rows need too much memory.</exception>
    /// <exception cref="DinoException">The device failed.</exception>
    public Task<PictureResult[]> RunAsync(
        IReadOnlyList<PictureInput> pictures,
        OutputChoice output,
        bool normalize,
        BodyMemory.Lease lease,
        CancellationToken cancellation)
    {
        lease.TakeForAnswer((long)sizeof(float) * output.Layout.Length * pictures.Count(picture => picture.Failure is null));
        return output.IsEmbedding
            ? EmbedAsync(pictures, normalize, cancellation)
            : _passes.RunAsync(() => Rows(pictures, output, cancellation), cancellation);
    }

    /// <summary>The embedding of one picture, as it is.</summary>
    /// <exception cref="RequestFailure">The picture cannot be read, or too many wait.</exception>
    public async Task<float[]> EmbedOneAsync(PictureInput picture, CancellationToken cancellation)
    {
        PictureResult[] results = await EmbedAsync([picture], normalize: false, cancellation).ConfigureAwait(false);
        return results[0].Values ?? throw results[0].Failure!;
    }

    /// <summary>Runs a pass of another kind on one picture.</summary>
    /// <param name="picture">The picture.</param>
    /// <param name="pass">Takes the prepared picture.</param>
    /// <param name="cancellation">Ends the wait.</param>
    /// <exception cref="RequestFailure">Too many passes wait, or the picture cannot be read.</exception>
    public Task<T> PassAsync<T>(PictureInput picture, Func<RgbImage, T> pass, CancellationToken cancellation) => _passes.RunAsync(
        () =>
        {
            (RgbImage? prepared, RequestFailure? failure) = Prepare(picture);
            return prepared is null ? throw failure! : pass(prepared);
        },
        cancellation);

    public void Dispose() => _passes.Dispose();

    private async Task<PictureResult[]> EmbedAsync(IReadOnlyList<PictureInput> pictures, bool normalize, CancellationToken cancellation)
    {
        using var stop = CancellationTokenSource.CreateLinkedTokenSource(cancellation);
        Task<PictureResult>[] results = [.. pictures.Select((picture, index) => OneAsync(picture, index))];
        return await Task.WhenAll(results).ConfigureAwait(false); // of those that failed, the first; not those that were stopped then

        async Task<PictureResult> OneAsync(PictureInput picture, int index)
        {
            if (picture.Failure is not null)
                return new PictureResult(index, picture.Name, null, picture.Failure);
            bool isRefused = false;
            Interlocked.Increment(ref _underWay);
            try
            {
                float[] values = await encoder.EmbedAsync(picture.File, stop.Token).ConfigureAwait(false);
                if (normalize)
                    UnitVector.Scale(values);
                return new PictureResult(index, picture.Name, values, null);
            }
            catch (ImageException failure)
            {
                return new PictureResult(index, picture.Name, null, Unreadable(failure));
            }
            catch (DinoException failure)
            {
                isRefused = failure is DinoBusyException;
                await stop.CancelAsync().ConfigureAwait(false);
                throw;
            }
            finally
            {
                Interlocked.Decrement(ref _underWay);
                _isFull = isRefused;
            }
        }
    }

    private PictureResult[] Rows(IReadOnlyList<PictureInput> pictures, OutputChoice output, CancellationToken cancellation)
    {
        var results = new PictureResult[pictures.Count];
        foreach ((int Index, PictureInput Input)[] batch in pictures.Index().Chunk(encoder.BatchSize))
        {
            cancellation.ThrowIfCancellationRequested();
            var prepared = new (RgbImage? Picture, RequestFailure? Failure)[batch.Length];
            Parallel.For(0, batch.Length, i => prepared[i] = Prepare(batch[i].Input));
            RgbImage[] good = [.. prepared.Select(one => one.Picture).OfType<RgbImage>()];
            DinoOutput? pass = good.Length == 0 ? null
                : output.Layout.Scales is { } scales ? encoder.ForwardMultiScale(good, scales)
                : encoder.ForwardLayers(good, output.Layout.Needed, output.Layout.Layers);
            for (int i = 0, next = 0; i < batch.Length; i++)
            {
                float[]? row = prepared[i].Picture is null ? null : new float[output.Layout.Length];
                if (row is not null)
                    output.Layout.Copy(pass!, next++, row);
                results[batch[i].Index] = new PictureResult(batch[i].Index, batch[i].Input.Name, row, prepared[i].Failure);
            }
        }

        return results;
    }

    private (RgbImage? Picture, RequestFailure? Failure) Prepare(PictureInput picture)
    {
        if (picture.Failure is { } known)
            return (null, known);
        try
        {
            return (encoder.Prepare(picture.File), null);
        }
        catch (ImageException failure)
        {
            return (null, Unreadable(failure));
        }
    }

    private static RequestFailure Unreadable(ImageException failure) =>
        RequestFailure.Picture(DinoTelemetry.ErrorType(failure), failure.Message, failure.Hint);
}

using Dino.Gpu.Features;
using Dino.Gpu.Imaging;
using Dino.Gpu.Pipeline;
using Dino.Gpu.Vit;

namespace Dino.Gpu;

/// <summary>Forward passes: what else than embeddings a model gives.</summary>
public sealed partial class DinoEncoder
{
    /// <summary>One picture through the model.</summary>
    /// <param name="image">A picture of any size.</param>
    /// <param name="outputs">What to return.</param>
    public DinoOutput Forward(RgbImage image, DinoOutputs outputs) => Forward([image], outputs);

    /// <summary>Pictures through the model.</summary>
    /// <param name="images">At least one picture, of any sizes.</param>
    /// <param name="outputs">What to return.</param>
    /// <param name="attentionLayers">
    /// Layers whose attention is kept, counted from 0 and returned in ascending order; null for all.
    /// </param>
    /// <exception cref="ArgumentOutOfRangeException">There is no such layer.</exception>
    public DinoOutput Forward(IReadOnlyList<RgbImage> images, DinoOutputs outputs, IReadOnlyList<int>? attentionLayers = null) =>
        ForwardPrepared(PrepareAll(images, PrepareForDevice), outputs, attentionLayers);

    /// <summary>
    /// Prepared pictures through the model, in batches of <see cref="BatchSize"/>. Where the device has no room for
    /// one, it goes on with half of it.
    /// </summary>
    /// <param name="images">
    /// At least one picture, as <see cref="Prepare(string)"/> or <see cref="PrepareForDevice(string)"/> return them:
    /// one of InputWidth x InputHeight pixels goes into the model as it is.
    /// </param>
    /// <param name="outputs">What to return.</param>
    /// <param name="attentionLayers">
    /// Layers whose attention is kept, counted from 0 and returned in ascending order; null for all.
    /// </param>
    /// <exception cref="ArgumentException">No picture, or one that is not prepared for this device.</exception>
    /// <exception cref="ArgumentOutOfRangeException">There is no such layer.</exception>
    /// <exception cref="DeviceMemoryException">The device has no room for even one picture.</exception>
    /// <exception cref="ObjectDisposedException">The encoder was disposed before the last batch had begun.</exception>
    public DinoOutput ForwardPrepared(IReadOnlyList<RgbImage> images, DinoOutputs outputs, IReadOnlyList<int>? attentionLayers = null) =>
        ForwardLayers(images, outputs, new DinoLayers { Attentions = attentionLayers });

    /// <summary>As <see cref="ForwardPrepared"/>, with the layers of every output.</summary>
    /// <param name="images">At least one picture, as for <see cref="ForwardPrepared"/>.</param>
    /// <param name="outputs">What to return.</param>
    /// <param name="layers">Of which layers.</param>
    /// <exception cref="ArgumentOutOfRangeException">There is no such layer.</exception>
    public DinoOutput ForwardLayers(IReadOnlyList<RgbImage> images, DinoOutputs outputs, DinoLayers layers)
    {
        ArgumentNullException.ThrowIfNull(layers);
        CheckPrepared(images);
        var selection = new OutputSelection(_shape, outputs, layers);
        ForwardRequest request = selection.Request(images.Count);
        return selection.Output(_batches.Run(images, request), request);
    }

    /// <summary>
    /// The embeddings of pictures at several scales in one, as <c>eval_image_retrieval.py</c> of the original makes
    /// them with <c>--multiscale</c>: the class tokens at each scale of the normalized input are averaged, and the mean
    /// is scaled to length 1 (L2).
    /// </summary>
    /// <param name="images">At least one picture, as for <see cref="ForwardPrepared"/>.</param>
    /// <param name="scales">
    /// Of the input's sides, above 0: floor(side * scale) pixels, interpolated bilinearly without antialiasing. Null
    /// for <see cref="MultiScale.Default"/>.
    /// </param>
    /// <returns>The class tokens' means, (images, hidden); nothing else.</returns>
    /// <exception cref="DinoException">A scale leaves no patch, or more pixels than an input may have.</exception>
    /// <exception cref="ArgumentException">No picture or one that is not prepared, or no scale.</exception>
    public DinoOutput ForwardMultiScale(IReadOnlyList<RgbImage> images, IReadOnlyList<double>? scales = null)
    {
        CheckPrepared(images);
        ScaledInput[] inputs = Inputs(scales); // all of them, before the first pass
        ForwardRequest request = new OutputSelection(_shape, DinoOutputs.ClassToken, new DinoLayers()).Request(images.Count);
        var mean = new MultiScale(images.Count, Config.HiddenSize);
        foreach (ScaledInput input in inputs)
            mean.Add(_batches.Run(images, request, input.Shape, input.Positions).Tokens);
        return new DinoOutput { ClassToken = new DinoTensor(mean.Normalized(), images.Count, Config.HiddenSize) };
    }

    /// <summary>Fails where <see cref="ForwardMultiScale"/> would for its scales, before there are pictures.</summary>
    /// <param name="scales">As there.</param>
    /// <exception cref="DinoException">A scale leaves no patch, or more pixels than an input may have.</exception>
    /// <exception cref="ArgumentException">No scale.</exception>
    public void CheckScales(IReadOnlyList<double>? scales = null) => Inputs(scales);

    /// <summary>As <see cref="ForwardMultiScale"/>, of pictures of any sizes.</summary>
    /// <param name="images">Pictures of any sizes.</param>
    /// <param name="scales">As there.</param>
    /// <returns>(hidden) for each picture.</returns>
    /// <exception cref="DinoException">A scale leaves no patch, or more pixels than an input may have.</exception>
    public float[][] EmbedMultiScale(IReadOnlyList<RgbImage> images, IReadOnlyList<double>? scales = null)
    {
        RgbImage[] prepared = PrepareAll(images, PrepareForDevice);
        return prepared.Length == 0 ? [] : [.. ForwardMultiScale(prepared, scales).ClassToken!.Data.Chunk(Config.HiddenSize)];
    }

    /// <summary>The attention maps of prepared pictures: how much the class token looks at each patch.</summary>
    /// <param name="images">At least one picture, as for <see cref="ForwardPrepared"/>.</param>
    /// <param name="layer">Counted from 0, or from the end when negative: -1 is the last, and costs the least.</param>
    /// <returns>One map a picture.</returns>
    /// <exception cref="ArgumentOutOfRangeException">There is no such layer.</exception>
    public AttentionMap[] AttentionMaps(IReadOnlyList<RgbImage> images, int layer = -1) =>
        // (1, images, heads, tokens)
        Maps(ForwardPrepared(images, DinoOutputs.ClassAttentions, [layer]).ClassAttentions!.Data, Config.HeadCount);

    /// <summary>
    /// The attention rollouts of prepared pictures: what share each patch has in the class token at the end, when
    /// attention is followed through all layers.
    /// </summary>
    /// <param name="images">At least one picture, as for <see cref="ForwardPrepared"/>.</param>
    /// <returns>One map a picture, with one head. Its values sum to 1 less the class token's own share.</returns>
    public AttentionMap[] AttentionRollouts(IReadOnlyList<RgbImage> images) =>
        Maps(ForwardPrepared(images, DinoOutputs.AttentionRollout).AttentionRollout!.Data, 1);

    /// <summary>
    /// Features of every patch of prepared pictures. Those of one layer cost its memory alone, and keys and values of
    /// the last leave most of that block out.
    /// </summary>
    /// <param name="images">At least one picture, as for <see cref="ForwardPrepared"/>.</param>
    /// <param name="feature">Which features.</param>
    /// <param name="layer">Counted from 0, or from the end when negative: -1 is the last.</param>
    /// <returns>One grid a picture.</returns>
    /// <exception cref="ArgumentOutOfRangeException">There is no such layer.</exception>
    public PatchFeatures[] PatchFeatures(IReadOnlyList<RgbImage> images, PatchFeature feature = PatchFeature.Tokens, int layer = -1)
    {
        int number = OutputSelection.Number(layer, Config.LayerCount);
        DinoOutput output = ForwardLayers(
            images,
            Features.PatchFeatures.OutputOf(feature),
            new DinoLayers
            {
                IntermediateLayers = [number],
                HiddenStates = [number + 1],
                Queries = [number],
                Keys = [number],
                Values = [number],
            });
        return [.. Enumerable.Range(0, images.Count).Select(image => Features.PatchFeatures.Of(output, feature, 0, image, GridWidth))];
    }

    /// <summary>One vector for each of prepared pictures, pooled from its tokens.</summary>
    /// <param name="images">At least one picture, as for <see cref="ForwardPrepared"/>.</param>
    /// <param name="pooling">How.</param>
    /// <returns>(pooling's length) for each picture.</returns>
    /// <exception cref="ArgumentOutOfRangeException">The model has not that many blocks.</exception>
    public float[][] Pool(IReadOnlyList<RgbImage> images, Pooling pooling)
    {
        ArgumentNullException.ThrowIfNull(pooling);
        DinoOutput output = ForwardLayers(images, pooling.Outputs, pooling.Layers);
        var vectors = new float[images.Count][];
        for (int image = 0; image < vectors.Length; image++)
            pooling.Apply(output, image, vectors[image] = new float[pooling.Length(Config.HiddenSize)]);
        return vectors;
    }
}

using Dino.Gpu.Features;
using Dino.Gpu.Imaging;
using Dino.Gpu.Pipeline;
using Dino.Gpu.Vit;

namespace Dino.Gpu;

/// <summary>Forward passes that return more than the embedding.</summary>
public sealed partial class DinoEncoder
{
    /// <summary>Runs one picture through the model.</summary>
    /// <param name="image">A picture of any size.</param>
    /// <param name="outputs">The outputs to return.</param>
    public DinoOutput Forward(RgbImage image, DinoOutputs outputs) => Forward([image], outputs);

    /// <summary>Runs pictures through the model.</summary>
    /// <param name="images">At least one picture, of any sizes.</param>
    /// <param name="outputs">The outputs to return.</param>
    /// <param name="attentionLayers">
    /// Layers whose attention is returned, counted from 0; null for all. They are returned in ascending order.
    /// </param>
    /// <exception cref="ArgumentOutOfRangeException">There is no such layer.</exception>
    public DinoOutput Forward(IReadOnlyList<RgbImage> images, DinoOutputs outputs, IReadOnlyList<int>? attentionLayers = null) =>
        ForwardPrepared(PrepareAll(images, PrepareForDevice), outputs, attentionLayers);

    /// <summary>
    /// Runs prepared pictures through the model, in batches of <see cref="BatchSize"/>. If the device has no room for a
    /// batch, the encoder halves the batch size and continues.
    /// </summary>
    /// <param name="images">
    /// At least one picture, as <see cref="Prepare(string)"/> or <see cref="PrepareForDevice(string)"/> return them. A
    /// picture of InputWidth x InputHeight pixels enters the model unchanged.
    /// </param>
    /// <param name="outputs">The outputs to return.</param>
    /// <param name="attentionLayers">
    /// Layers whose attention is returned, counted from 0; null for all. They are returned in ascending order.
    /// </param>
    /// <exception cref="ArgumentException">There is no picture, or one is not prepared for this device.</exception>
    /// <exception cref="ArgumentOutOfRangeException">There is no such layer.</exception>
    /// <exception cref="DeviceMemoryException">The device has no room for even one picture.</exception>
    /// <exception cref="ObjectDisposedException">The encoder was disposed before the last batch began.</exception>
    public DinoOutput ForwardPrepared(IReadOnlyList<RgbImage> images, DinoOutputs outputs, IReadOnlyList<int>? attentionLayers = null) =>
        ForwardLayers(images, outputs, new DinoLayers { Attentions = attentionLayers });

    /// <summary>Does the same as <see cref="ForwardPrepared"/>, with a choice of layers for every output.</summary>
    /// <param name="images">At least one picture, prepared as for <see cref="ForwardPrepared"/>.</param>
    /// <param name="outputs">The outputs to return.</param>
    /// <param name="layers">The layers to return them of.</param>
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
    /// Embeds each picture at several scales, as <c>eval_image_retrieval.py</c> of the original does with
    /// <c>--multiscale</c>. The class tokens at all scales of the normalized input are averaged, and the mean is scaled
    /// to length 1 (L2).
    /// </summary>
    /// <param name="images">At least one picture, prepared as for <see cref="ForwardPrepared"/>.</param>
    /// <param name="scales">
    /// Factors of the input's sides, each above 0. The input at a scale has floor(side * scale) pixels, interpolated
    /// bilinearly without antialiasing. Null for those of the original: 1, 1 / sqrt(2) and 1 / 2.
    /// </param>
    /// <returns>Only <see cref="DinoOutput.ClassToken"/>: the scaled means, (images, hidden).</returns>
    /// <exception cref="DinoException">
    /// A scale leaves no patch, or makes more pixels than an input may have.
    /// </exception>
    /// <exception cref="ArgumentException">There is no picture, one is not prepared, or there is no scale.</exception>
    public DinoOutput ForwardMultiScale(IReadOnlyList<RgbImage> images, IReadOnlyList<double>? scales = null)
    {
        CheckPrepared(images);
        ScaledInput[] inputs = Inputs(scales); // before the first pass: a wrong scale fails at once
        ForwardRequest request = new OutputSelection(_shape, DinoOutputs.ClassToken, new DinoLayers()).Request(images.Count);
        var mean = new MultiScale(images.Count, Config.HiddenSize);
        foreach (ScaledInput input in inputs)
            mean.Add(_batches.Run(images, request, input.Shape, input.Positions).Tokens);
        return new DinoOutput { ClassToken = new DinoTensor(mean.Normalized(), images.Count, Config.HiddenSize) };
    }

    /// <summary>Checks scales for <see cref="ForwardMultiScale"/> before there are pictures.</summary>
    /// <param name="scales">As for <see cref="ForwardMultiScale"/>.</param>
    /// <exception cref="DinoException">
    /// A scale leaves no patch, or makes more pixels than an input may have.
    /// </exception>
    /// <exception cref="ArgumentException">There is no scale.</exception>
    public void CheckScales(IReadOnlyList<double>? scales = null) => Inputs(scales);

    /// <summary>Embeds pictures of any sizes at several scales, as <see cref="ForwardMultiScale"/> does.</summary>
    /// <param name="images">Pictures of any sizes.</param>
    /// <param name="scales">As for <see cref="ForwardMultiScale"/>.</param>
    /// <returns>(hidden) for each picture.</returns>
    /// <exception cref="DinoException">
    /// A scale leaves no patch, or makes more pixels than an input may have.
    /// </exception>
    public float[][] EmbedMultiScale(IReadOnlyList<RgbImage> images, IReadOnlyList<double>? scales = null)
    {
        RgbImage[] prepared = PrepareAll(images, PrepareForDevice);
        return prepared.Length == 0 ? [] : [.. ForwardMultiScale(prepared, scales).ClassToken!.Data.Chunk(Config.HiddenSize)];
    }

    /// <summary>
    /// Returns the attention maps of prepared pictures: how much attention the class token pays to each patch.
    /// </summary>
    /// <param name="images">At least one picture, prepared as for <see cref="ForwardPrepared"/>.</param>
    /// <param name="layer">
    /// Counted from 0, or from the end if negative: -1 is the last layer, which costs the least.
    /// </param>
    /// <returns>One map for each picture.</returns>
    /// <exception cref="ArgumentOutOfRangeException">There is no such layer.</exception>
    public AttentionMap[] AttentionMaps(IReadOnlyList<RgbImage> images, int layer = -1) =>
        // (1, images, heads, tokens)
        Maps(ForwardPrepared(images, DinoOutputs.ClassAttentions, [layer]).ClassAttentions!.Data, Config.HeadCount);

    /// <summary>
    /// Returns the attention rollouts of prepared pictures: the share that each patch has in the final class token,
    /// when attention is followed through all layers.
    /// </summary>
    /// <param name="images">At least one picture, prepared as for <see cref="ForwardPrepared"/>.</param>
    /// <returns>
    /// One map for each picture, with one head. Its values sum to 1 minus the class token's own share.
    /// </returns>
    public AttentionMap[] AttentionRollouts(IReadOnlyList<RgbImage> images) =>
        Maps(ForwardPrepared(images, DinoOutputs.AttentionRollout).AttentionRollout!.Data, 1);

    /// <summary>
    /// Returns the features of every patch of prepared pictures. Memory is taken for one layer only. For keys and
    /// values of the last layer, most of that block is skipped.
    /// </summary>
    /// <param name="images">At least one picture, prepared as for <see cref="ForwardPrepared"/>.</param>
    /// <param name="feature">The features to return.</param>
    /// <param name="layer">Counted from 0, or from the end if negative: -1 is the last layer.</param>
    /// <returns>One grid for each picture.</returns>
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

    /// <summary>Pools the tokens of each prepared picture into one vector.</summary>
    /// <param name="images">At least one picture, prepared as for <see cref="ForwardPrepared"/>.</param>
    /// <param name="pooling">How the tokens are pooled.</param>
    /// <returns>(<see cref="Pooling.Length"/>) for each picture.</returns>
    /// <exception cref="ArgumentOutOfRangeException">The model has fewer blocks than the pooling takes.</exception>
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

using System.Globalization;
using System.Text.Json;
using Dino.Gpu.Checkpoints;
using Dino.Gpu.Classification;
using Dino.Gpu.Devices;
using Dino.Gpu.Kernels.Generated;
using Dino.Gpu.Pipeline;
using Dino.Gpu.Search;
using Dino.Gpu.Tests.Support;

namespace Dino.Gpu.Tests.Pipeline;

/// <summary>
/// A small ViT that was trained, which seeded weights cannot stand in for: how well float32, bf16 and int8 tell apart
/// pictures that it has not seen. <c>Golden/fashion/README.md</c> says how it was trained.
/// </summary>
public sealed class TrainedModelTests(TrainedModelTests.Pictures pictures, ITestOutputHelper log)
    : IClassFixture<TrainedModelTests.Pictures>
{
    /// <summary>
    /// The share of all 10000 queries by which a precision may differ from float32. Of the 1000 in this repository one
    /// is a third of that, so only the exact figure counts there.
    /// </summary>
    private const double LargestGap = 0.003;

    private const int Neighbors = 20;

    private static readonly string Folder = GoldenData.PathOf("fashion");

    /// <summary>Every arithmetic of a CPU.</summary>
    private static readonly Way[] AllWays =
    [
        new(Precision.Float32, Bits: 512, BFloat16: false, Amx: false),
        new(Precision.Float32, Bits: 256, BFloat16: false, Amx: false),
        new(Precision.Float32, Bits: 128, BFloat16: false, Amx: false),
        new(Precision.BFloat16, Bits: 512, BFloat16: true, Amx: false),
        new(Precision.BFloat16, Bits: 512, BFloat16: true, Amx: true),
        new(Precision.Int8, Bits: 512, BFloat16: true, Amx: false),
        new(Precision.Int8, Bits: 512, BFloat16: true, Amx: true),
        new(Precision.Int8, Bits: 512, BFloat16: false, Amx: false),
    ];

    public static TheoryData<string> Ways => [.. AllWays.Select(way => way.ToString())];

    [Fact]
    public void Float32_equals_the_reference()
    {
        Npy expected = Npy.Read(Path.Combine(Folder, "reference.npy"));
        using DinoEncoder encoder = DinoEncoder.Load(Folder, new DinoOptions { Device = "cpu" });
        DinoTensor actual = encoder.Forward(
            pictures.Subset.Queries.Images[..expected.Shape[0]], DinoOutputs.LastHiddenState).LastHiddenState!;
        Assert.Equal(expected.Shape, actual.Shape);
        Tolerance.AssertClose("last hidden state", expected.Floats, actual.Data, Tolerance.LastHiddenState, expected.Shape[2]);
    }

    [Theory]
    [MemberData(nameof(Ways))]
    public void The_subset_has_its_exact_figures(string way) => Check(pictures.Subset, way, "subset");

    [Theory]
    [MemberData(nameof(Ways))]
    public void The_whole_set_has_its_exact_figures_near_those_of_float32(string way)
    {
        LabeledPictures all = pictures.RequireAll();
        int right = Check(all, way, "all");
        Assert.InRange(Math.Abs(right - all.Float32Right), 0, LargestGap * all.Queries.Labels.Length);
    }

    /// <summary>Compares with <c>figures.json</c>; returns how many queries have the right class.</summary>
    private int Check(LabeledPictures set, string way, string name)
    {
        using JsonDocument figures = JsonDocument.Parse(File.ReadAllText(Path.Combine(Folder, "figures.json")));
        JsonElement expected = figures.RootElement.GetProperty(way);
        bool isMeasured = expected.TryGetProperty(name, out JsonElement right);
        Assert.SkipUnless(isMeasured, $"{way} was not measured with {name} pictures yet");
        using DinoEncoder encoder = AllWays.Single(one => one.ToString() == way).CreateEncoder();
        (float[] gallery, float[] queries) = set.Embed(encoder);
        (float[] gallery32, float[] queries32) = set.Float32;
        double[] cosines = [.. Cosines(gallery32, gallery), .. Cosines(queries32, queries)];
        Array.Sort(cosines);
        int found = set.Right(gallery, queries), found32 = set.Float32Right;
        log.WriteLine(string.Create(
            CultureInfo.InvariantCulture,
            $"{way}: {found} of {set.Queries.Labels.Length} right, float32 {found32}, "
            + $"cosine to float32 at least {cosines[0]:F6}, median {cosines[cosines.Length / 2]:F6}"));
        Assert.Equal(right.GetInt32(), found);
        Assert.InRange(cosines[0], expected.GetProperty("leastCosine").GetDouble(), 1 + 1e-6);
        return found;

        double[] Cosines(float[] left, float[] other) =>
        [
            .. Enumerable.Range(0, left.Length / encoder.Config.HiddenSize).Select(row => NearestNeighbors.Cosine(
                left.AsSpan(row * encoder.Config.HiddenSize, encoder.Config.HiddenSize),
                other.AsSpan(row * encoder.Config.HiddenSize, encoder.Config.HiddenSize))),
        ];
    }

    /// <summary>Pictures whose classes are known, others to classify, and their vectors in float32.</summary>
    internal sealed class LabeledPictures
    {
        private readonly FashionMnist _gallery;
        private readonly Lazy<(float[] Gallery, float[] Queries)> _float32;
        private readonly Lazy<int> _float32Right;

        /// <summary>Reads the four files of a folder.</summary>
        public LabeledPictures(string folder)
        {
            _gallery = FashionMnist.Read(folder, "train");
            Queries = FashionMnist.Read(folder, "t10k");
            _float32 = new(() =>
            {
                using DinoEncoder encoder = DinoEncoder.Load(Folder, new DinoOptions { Device = "cpu" });
                return Embed(encoder);
            });
            _float32Right = new(() => Right(Float32.Gallery, Float32.Queries));
        }

        public FashionMnist Queries { get; }

        /// <summary>As <see cref="Embed"/> returns them.</summary>
        public (float[] Gallery, float[] Queries) Float32 => _float32.Value;

        /// <summary>As <see cref="Right"/> counts them.</summary>
        public int Float32Right => _float32Right.Value;

        /// <summary>(pictures, hidden) each.</summary>
        public (float[] Gallery, float[] Queries) Embed(DinoEncoder encoder)
        {
            return (Vectors(_gallery), Vectors(Queries));

            float[] Vectors(FashionMnist part) =>
                [.. part.Images.Chunk(1000).SelectMany(images => encoder.Embed(images)).SelectMany(vector => vector)];
        }

        /// <summary>How many queries have the right class.</summary>
        public int Right(float[] gallery, float[] queries)
        {
            var known = new LabeledVectors(gallery, gallery.Length / _gallery.Labels.Length, _gallery.Labels, FashionMnist.Classes);
            using KnnClassifier classifier = KnnClassifier.Create(known, new KnnOptions { Device = "cpu" });
            double share = classifier.Classify(queries, Neighbors).Accuracy(Queries.Labels, top: 1);
            return (int)Math.Round(share * Queries.Labels.Length);
        }
    }

    /// <summary>The pictures in this repository, and all of Fashion-MNIST where Debian's package of it is installed.</summary>
    public sealed class Pictures
    {
        private const string Installed = "/usr/share/datasets/fashion-mnist";

        private readonly Lazy<LabeledPictures> _subset = new(() => new LabeledPictures(Folder));
        private readonly Lazy<LabeledPictures> _all = new(() => new LabeledPictures(Installed));

        /// <summary>The first 2000 of training and the first 1000 of testing.</summary>
        internal LabeledPictures Subset => _subset.Value;

        /// <summary>All 60000 and 10000; skips the test where they are missing, or nobody asks for long tests.</summary>
        internal LabeledPictures RequireAll()
        {
            LongTests.Require("takes minutes");
            Assert.SkipUnless(Directory.Exists(Installed), $"{Installed} is not there: apt-get install dataset-fashion-mnist");
            return _all.Value;
        }
    }

    /// <summary>An arithmetic.</summary>
    /// <param name="Precision">As the user asks for it.</param>
    /// <param name="Bits">Of the vector registers.</param>
    /// <param name="BFloat16">Whether attention is in bfloat16.</param>
    /// <param name="Amx">Whether AMX multiplies.</param>
    private sealed record Way(Precision Precision, int Bits, bool BFloat16, bool Amx)
    {
        /// <summary>The encoder that a user gets, where this processor would choose this way; skips the test where it cannot.</summary>
        public DinoEncoder CreateEncoder()
        {
            var options = new DinoOptions { Device = "cpu", Precision = Precision, VectorWidth = Bits };
            if (Precision == Precision.Float32)
            {
                SimdModel.Require(SimdExecutor.OfBits(Bits));
                return DinoEncoder.Load(Folder, options);
            }

            TileKind kind = Precision == Precision.BFloat16 ? TileKind.BFloat16 : TileKind.Int8;
            SimdModel.Require(kind, Amx);
            if (BFloat16)
                SimdModel.Require(TileKind.BFloat16);
            return (BFloat16, Amx) == (CpuFeatures.BFloat16, CpuFeatures.Amx)
                ? DinoEncoder.Load(Folder, options)
                : DinoEncoder.Create(
                    WeightSource.Load(Folder),
                    options,
                    (device, weights) => SimdExecutor.Create(device, weights, kind, BFloat16, Amx));
        }

        public override string ToString() =>
            $"{PrecisionSupport.NameOf(Precision)}, {Bits} bits{(BFloat16 ? ", BF16" : "")}{(Amx ? ", AMX" : "")}";
    }
}

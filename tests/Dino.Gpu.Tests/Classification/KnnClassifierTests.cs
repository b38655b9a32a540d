using Dino.Gpu.Classification;

namespace Dino.Gpu.Tests.Classification;

public sealed class KnnClassifierTests
{
    private static readonly KnnOptions OnCpu = new() { Device = "cpu" };

    [Theory]
    [InlineData(1, 3, 1, 5)]
    [InlineData(7, 5, 3, 9)]
    [InlineData(60, 8, 4, 50)]
    [InlineData(250, 17, 12, 40)]
    public void Votes_equal_their_twin(int train, int dimension, int classes, int test)
    {
        LabeledVectors voters = Clusters.Create(train, dimension, classes, 2);
        LabeledVectors queries = Clusters.Create(test, dimension, classes, 2, seed: 2);
        int[] ks = [1, 2, 10, 20, 100, 200, 10_000]; // past the number of voters too
        using KnnClassifier classifier = KnnClassifier.Create(voters, OnCpu);
        Predictions[] predictions = classifier.Classify(queries.Values, ks);
        for (int i = 0; i < ks.Length; i++)
        {
            for (int query = 0; query < test; query++)
            {
                (int[] expected, double[] scores) = Twin(voters, queries.Values.Span.Slice(query * dimension, dimension), ks[i]);
                Assert.Equal(expected, predictions[i].Classes(query).ToArray());
                Assert.Equal(scores, predictions[i].Scores(query).ToArray(), (left, right) => Math.Abs(left - right) < 1e-9);
            }

            Predictions alone = classifier.Classify(queries.Values, ks[i]);
            Assert.Equal(alone.Accuracy(queries.Labels, 1), predictions[i].Accuracy(queries.Labels, 1));
        }
    }

    /// <summary>
    /// Two at cosine 0.6 against one at 0.8: exp(0.6 / T) twice or exp(0.8 / T) once, so the pair wins while T ln 2 is
    /// above 0.2.
    /// </summary>
    [Theory]
    [InlineData(0.07, 0)]
    [InlineData(0.28, 0)]
    [InlineData(0.30, 1)]
    [InlineData(0.0001, 0)] // exp(0.8 / T) alone would not fit a double
    public void Temperature_decides_between_one_near_and_two_far(double temperature, int expected)
    {
        float[] voters = [0.8f, 0.6f, 0.6f, 0.8f, 6f, -8f]; // lengths do not matter
        using KnnClassifier classifier = KnnClassifier.Create(
            new LabeledVectors(voters, 2, [0, 1, 1], ["a", "b"]), OnCpu with { Temperature = temperature });
        Predictions prediction = classifier.Classify(new float[] { 3, 0 }, 3);
        Assert.Equal(expected, prediction.Classes(0)[0]);
        double near = 1 / (1 + 2 * Math.Exp(-0.2 / temperature));
        Assert.Equal(expected == 0 ? near : 1 - near, prediction.Scores(0)[0], 1e-6); // 0.8 and 0.6 as floats
    }

    [Fact]
    public void Equal_votes_go_to_the_smaller_class_and_classes_without_a_vote_are_left_out()
    {
        float[] voters = [1, 0, 1, 0, 1, 0, 0, 1];
        using KnnClassifier classifier = KnnClassifier.Create(new LabeledVectors(voters, 2, [4, 2, 3, 0], Clusters.Names(6)), OnCpu);
        Assert.Equal([2, 3, 4], classifier.Classify(new float[] { 2, 0 }, 3).Classes(0).ToArray());
    }

    [Fact]
    public void Clusters_are_told_apart_and_shuffled_labels_are_not()
    {
        const int Classes = 10, Count = 1000;
        LabeledVectors test = Clusters.Create(Count, 32, Classes, 1, seed: 2);
        using (KnnClassifier classifier = KnnClassifier.Create(Clusters.Create(Count, 32, Classes, 1), OnCpu))
        {
            Predictions predictions = classifier.Classify(test.Values, 20);
            Assert.True(predictions.Accuracy(test.Labels, 1) > 0.99);
            Assert.True(predictions.Accuracy(test.Labels, 5) >= predictions.Accuracy(test.Labels, 1));
        }

        using KnnClassifier chance = KnnClassifier.Create(Clusters.Create(Count, 32, Classes, 1, shuffledLabels: true), OnCpu);
        Chance.AssertHolds(
            chance.Classify(test.Values, 20).Accuracy(Clusters.Create(Count, 32, Classes, 1, seed: 2, shuffledLabels: true).Labels, 1),
            1.0 / Classes,
            Count);
    }

    [Fact]
    public void Bad_input_is_refused()
    {
        LabeledVectors voters = Clusters.Create(6, 4, 2, 1);
        Assert.Throws<ArgumentException>(() => KnnClassifier.Create(voters, OnCpu with { Temperature = 0 }));
        using KnnClassifier classifier = KnnClassifier.Create(voters, OnCpu);
        Assert.Throws<ArgumentException>(() => classifier.Classify(new float[5], 1));
        Assert.Throws<ArgumentException>(() => classifier.Classify(new float[4], 0));
        Assert.Contains(
            "Vector 1",
            Assert.Throws<ArgumentException>(() => new LabeledVectors(new[] { 1f, 2f, float.NaN, 1f }, 2, [0, 0], ["a"])).Message);
        Assert.Contains("Vector 1", Assert.Throws<ArgumentException>(() => new LabeledVectors(new float[4], 2, [0, 1], ["a"])).Message);
        Assert.Throws<ArgumentException>(() => new LabeledVectors(new float[5], 2, [0, 0], ["a"]));
        Assert.Throws<ArgumentException>(() => new LabeledVectors(default, 2, [], ["a"]));
    }

    /// <summary>Every voter sorted, votes in a dictionary.</summary>
    private static (int[] Classes, double[] Scores) Twin(LabeledVectors voters, ReadOnlySpan<float> query, int k)
    {
        var cosines = new List<(double Cosine, int Index)>();
        for (int i = 0; i < voters.Count; i++)
        {
            double dot = 0, a = 0, b = 0;
            for (int j = 0; j < query.Length; j++)
            {
                double x = query[j], y = voters.Values.Span[i * query.Length + j];
                dot += x * y;
                a += x * x;
                b += y * y;
            }

            cosines.Add((dot / Math.Sqrt(a * b), i));
        }

        var votes = new Dictionary<int, double>();
        foreach ((double cosine, int index) in cosines.OrderByDescending(pair => pair.Cosine).ThenBy(pair => pair.Index).Take(k))
            votes[voters.Labels[index]] = votes.GetValueOrDefault(voters.Labels[index]) + Math.Exp(cosine / 0.07);
        double all = votes.Values.Sum();
        (int, double)[] best = [.. votes.OrderByDescending(pair => pair.Value).ThenBy(pair => pair.Key).Take(5)
            .Select(pair => (pair.Key, pair.Value / all))];
        return ([.. best.Select(pair => pair.Item1)], [.. best.Select(pair => pair.Item2)]);
    }
}
